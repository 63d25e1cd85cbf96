//! The trait of actions.

use futures_util::future::LocalBoxFuture;
use schemars::JsonSchema;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::context::{Context, Outcome, StepError};
use estate::PointKind;
use estate::file::FaultKind;
use playbook::action::{ActionDecl, ArgProblem, Arguments, Demands, FileArg, Output, Prepared, SourceSpec};
use playbook::expr::Rendered;
use port::{ActionTiming, Calibration};

/// The faults of a step that makes a resource.
pub(super) const OF_A_RESOURCE: &[FaultKind] = &[
    FaultKind::Throttled,
    FaultKind::ServerError,
    FaultKind::LostAnswer,
    FaultKind::NeverCompletes,
    FaultKind::ComesUpUnhealthy,
    FaultKind::WillNotDelete,
];

/// The faults of a step that makes nothing which teardown deletes, but can end badly.
pub(super) const OF_AN_OUTCOME: &[FaultKind] = &[
    FaultKind::Throttled,
    FaultKind::ServerError,
    FaultKind::LostAnswer,
    FaultKind::NeverCompletes,
    FaultKind::ComesUpUnhealthy,
];

/// The faults of a step that copies objects. A copied object has no state that could be unhealthy.
pub(super) const OF_A_COPY: &[FaultKind] =
    &[FaultKind::Throttled, FaultKind::ServerError, FaultKind::LostAnswer, FaultKind::NeverCompletes];

/// An action: its declaration and its work. The constants become its [`ActionDecl`], which explains
/// them.
pub(super) trait Action: 'static {
    /// The arguments in `with`. Their doc comments are their descriptions in the JSON Schema. A
    /// field that may be an expression is a text or an [`Expr`](playbook::expr_value::Expr).
    type Args: Clone + DeserializeOwned + JsonSchema + 'static;

    const NAME: &'static str;
    const SUMMARY: &'static str;
    const OUTPUTS: &'static [Output];
    const CALLS: &'static [&'static str];
    const MAY_OPEN: bool;
    const MAY_CLAIM: bool = false;
    const SIZED_BY: &'static [PointKind];
    /// The faults that the twin can play, but for `sandbox_open`: [`Self::MAY_OPEN`] says that.
    const FAULTS: &'static [FaultKind];
    /// How long it takes on the twin, if the estate does not say it.
    const TIMING: Calibration;
    /// How long its other requests take, besides the main one.
    const PARTS: &'static [Calibration] = &[];
    const BUCKET_CALLS: &'static [&'static str] = &[];
    const SECRETS: &'static [&'static str] = &[];
    const FILES: &'static [FileArg] = &[];
    const PREPARED: &'static [Prepared];

    fn problems(_args: &Self::Args) -> Vec<ArgProblem> {
        Vec::new()
    }

    /// Whether the step leaves something running on this machine, which ends with the runner.
    fn lives_on(_args: &Self::Args) -> bool {
        false
    }

    fn source(args: &Self::Args) -> Option<SourceSpec>;

    fn demands(args: &Self::Args) -> Demands;

    /// Does the work once. Expressions in the arguments are rendered.
    async fn run(cx: &Context<'_>, args: Self::Args) -> Result<Outcome, StepError>;
}

/// A step's arguments, with the action that they are for.
pub trait Invocation: Arguments {
    /// Whether the step leaves something running on this machine, which ends with the runner.
    fn lives_on(&self) -> bool;

    /// Does the work once. The future is boxed, since those of some actions are large.
    fn run<'a>(self: Box<Self>, cx: &'a Context<'a>) -> LocalBoxFuture<'a, Result<Outcome, StepError>>
    where
        Self: 'a;
}

/// An action in the catalogue, without its type.
pub struct Entry {
    pub decl: ActionDecl,
    pub timing: ActionTiming,
    /// Parses `with` as it is written, for the plan. Texts in it may be expressions.
    pub read: fn(&Value) -> Result<Box<dyn Invocation>, serde_json::Error>,
    /// Parses what `with` was rendered to, for the run.
    pub read_rendered: fn(Rendered) -> Result<Box<dyn Invocation>, serde_json::Error>,
}

pub(super) const fn entry<A: Action>() -> Entry {
    Entry {
        decl: ActionDecl {
            name: A::NAME,
            summary: A::SUMMARY,
            args: |generator| generator.subschema_for::<A::Args>(),
            read: |with| Ok(Box::new(Read::<A>::new(with)?)),
            secrets: A::SECRETS,
            files: A::FILES,
            outputs: A::OUTPUTS,
            calls: A::CALLS,
            bucket_calls: A::BUCKET_CALLS,
            prepared: A::PREPARED,
            may_open: A::MAY_OPEN,
            may_claim: A::MAY_CLAIM,
            sized_by: A::SIZED_BY,
            faults: A::FAULTS,
        },
        timing: ActionTiming { whole: A::TIMING, parts: A::PARTS },
        read: |with| Ok(Box::new(Read::<A>::new(with)?)),
        read_rendered: |with| Ok(Box::new(Read::<A>(with.read()?))),
    }
}

/// Arguments that have been read.
struct Read<A: Action>(A::Args);

impl<A: Action> Read<A> {
    fn new(with: &Value) -> Result<Self, serde_json::Error> {
        A::Args::deserialize(with).map(Self)
    }
}

impl<A: Action> Arguments for Read<A> {
    fn problems(&self) -> Vec<ArgProblem> {
        A::problems(&self.0)
    }

    fn source(&self) -> Option<SourceSpec> {
        A::source(&self.0)
    }

    fn demands(&self) -> Demands {
        A::demands(&self.0)
    }
}

impl<A: Action> Invocation for Read<A> {
    fn lives_on(&self) -> bool {
        A::lives_on(&self.0)
    }

    fn run<'a>(self: Box<Self>, cx: &'a Context<'a>) -> LocalBoxFuture<'a, Result<Outcome, StepError>>
    where
        Self: 'a,
    {
        Box::pin(A::run(cx, self.0))
    }
}
