//! The rules of the inspection, and what there is to tell of each.

use base::explanation::{Explanation, Text, Topic};
use base::severity::Severity::{High, Low, Medium};
use strum::VariantArray;

/// The rule of a finding. Only `Iam`, `Retain` and `Unlisted` can be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, VariantArray)]
pub enum Rule {
    /// A connection between the sandbox's network and others, or a resource outside that network.
    Network,
    /// An address or a name that is reachable from the internet.
    Public,
    /// Access for others: principals of other accounts, federated users, everybody.
    Access,
    /// A reference to another account or region.
    Elsewhere,
    /// Credentials for a machine that holds production's data.
    Credentials,
    /// The deployed resources differ from the text of the template.
    Uninspected,
    /// An identity with rights in the sandbox's account.
    Iam,
    /// A resource that outlives the stack, or cannot be deleted.
    Retain,
    /// A type or a property that is not known to stay inside the sandbox.
    Unlisted,
}

const NOT_ALLOWED: &str = "`allow` does not take it: the template cannot be deployed with it.";

impl Rule {
    /// Every variant, in the order of the definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name by which `drillmaster explain` knows the rule. In reports all are `template`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Network => "template-network",
            Self::Public => "template-public",
            Self::Access => "template-access",
            Self::Elsewhere => "template-elsewhere",
            Self::Credentials => "template-credentials",
            Self::Uninspected => "template-uninspected",
            Self::Iam => "template-iam",
            Self::Retain => "template-retain",
            Self::Unlisted => "template-unlisted",
        }
    }

    pub const fn explanation(self) -> Explanation {
        let (severities, text): (&[_], _) = match self {
            Self::Network => (
                &[High],
                Text {
                    title: "A resource opens the sandbox's network, or is outside it",
                    meaning: "The template has a gateway, a peering, a VPC endpoint, a route or a \
                              VPC of its own; a security group that names more than the sandbox's \
                              range, or has no `SecurityGroupEgress`; a change to public names or \
                              to how names are resolved; or a resource without a subnet or VPC of \
                              the sandbox.",
                    reason: "The sandbox is proved closed before T0. Each of these opens it, or \
                             puts production's data into a network that nobody looked at. EC2 lets \
                             all traffic out of a security group for which no egress rule is \
                             given.",
                    remedy: "Use the parameters `VpcId`, `SubnetIds`, `SecurityGroupId` and \
                             `VpcCidr`, which Drillmaster fills in. Leave out what only production \
                             needs, with a `Condition` on a parameter.",
                },
            ),
            Self::Public => (
                &[High],
                Text {
                    title: "A resource can be reached from the internet",
                    meaning: "The template has a public address, a public load balancer (the \
                              default), an API, a function URL, a distribution, or a bucket that \
                              may become public.",
                    reason: "The world could reach production's data.",
                    remedy: "Set the property that makes it public to the private value. If \
                             production needs the other value, use `!If` or a parameter.",
                },
            ),
            Self::Access => (
                &[High],
                Text {
                    title: "A policy or a share lets others in",
                    meaning: "A policy or a trust lets in another account, everybody, federated \
                              users, or a service without `aws:SourceAccount` or `aws:SourceArn`. \
                              Or the template shares a resource, or makes users, access keys or \
                              identity providers.",
                    reason: "Others could read what was restored. Without a condition anybody's \
                             resource can make the service act.",
                    remedy: "Name principals of the sandbox's account only, with `!Ref \
                             AWS::AccountId`. Give statements for services a condition on \
                             `aws:SourceAccount`.",
                },
            ),
            Self::Elsewhere => (
                &[High],
                Text {
                    title: "A resource reaches another account, region or resource",
                    meaning: "The template names an ARN, an account or a region that is not the \
                              sandbox's; a resource that exists already, as a target; or a replica \
                              or copy of production.",
                    reason: "A drill changes nothing outside its sandbox.",
                    remedy: "Write `!Ref AWS::AccountId` and `!Ref AWS::Region`. Let targets be \
                             part of the template, or pass what a step made by a parameter.",
                },
            ),
            Self::Credentials => (
                &[High],
                Text {
                    title: "A machine or a service gets credentials that exist already",
                    meaning: "The template gives an instance a profile, gives a function or a \
                              service a role that exists already, or copies the settings of an \
                              existing instance.",
                    reason: "Restored machines run production's programs. With credentials they \
                             can change production.",
                    remedy: "Set an instance profile to `!Ref AWS::NoValue` in a drill, with \
                             `!If`. Make roles of services in the template, with `allow: [iam]`.",
                },
            ),
            Self::Uninspected => (
                &[High],
                Text {
                    title: "The template does not show what would be deployed",
                    meaning: "The template has a nested stack, a custom resource, a macro, a \
                              transform, a module, a type that is not AWS's, or a value that \
                              decides about safety and cannot be worked out.",
                    reason: "Unknown is not safe.",
                    remedy: "Put what it brings into the template, or deploy it with a step of its \
                             own. Or leave it out with a `Condition` on a parameter.",
                },
            ),
            Self::Iam => (
                &[High, Medium],
                Text {
                    title: "The template makes a role or a policy",
                    meaning: "A resource gives rights in the sandbox's account. High: the step \
                              does not allow it. Medium: `allow: [iam]` lets it pass. The rights \
                              themselves are not judged.",
                    reason: "What assumes the role can act in the sandbox's account.",
                    remedy: "Leave it out with a `Condition`. Or write `allow: [iam]` on the step, \
                             and read the policies yourself.",
                },
            ),
            Self::Retain => (
                &[High, Medium, Low],
                Text {
                    title: "A resource would outlive the stack",
                    meaning: "A resource has a `DeletionPolicy` other than `Delete`, the default \
                              snapshot of a database, or deletion protection. High: the step does \
                              not allow it. Medium: `allow: [retain]` lets it pass. Low: only \
                              `UpdateReplacePolicy` keeps it, and a drill updates nothing.",
                    reason: "Teardown must leave nothing: a resource that stays costs money, and \
                             holds production's data.",
                    remedy: "Write `DeletionPolicy: Delete`, and set deletion protection to false. \
                             If production needs the other value, use `!If` or a parameter.",
                },
            ),
            Self::Unlisted => (
                &[High, Medium],
                Text {
                    title: "A type or a property is not known to stay inside the sandbox",
                    meaning: "Drillmaster has no row for the resource's type, or nobody judges one \
                              of its properties. High: the step does not allow it. Medium: \
                              `allow` names it. Of the properties of an allowed type only those \
                              are inspected whose names mean the same in every type.",
                    reason: "It may open the sandbox, reach beyond it, or stay behind.",
                    remedy: "Leave it out with a `Condition` or `!If`. If you know that it stays \
                             inside, name the type or the property in `allow` on the step.",
                },
            ),
        };
        let page = match self {
            Self::Iam | Self::Retain | Self::Unlisted => "templates.md#exceptions",
            Self::Network
            | Self::Public
            | Self::Access
            | Self::Elsewhere
            | Self::Credentials
            | Self::Uninspected => "templates.md#reasons-to-stop-a-deployment",
        };
        let explained = Explanation::new(self.id(), Topic::Templates, severities, text).page(page);
        match self {
            Self::Network => explained
                .switch_off(NOT_ALLOWED)
                .example("yaml", CLOSED_GROUP)
                .source("CloudFormation Template Reference Guide, \"AWS::EC2::SecurityGroup\""),
            Self::Access => explained.switch_off(NOT_ALLOWED).source(
                "IAM User Guide, \"The confused deputy \
                                                          problem\"",
            ),
            Self::Public | Self::Elsewhere | Self::Credentials | Self::Uninspected => {
                explained.switch_off(NOT_ALLOWED)
            }
            Self::Iam => explained.switch_off("`allow: [iam]` on the step lets it pass."),
            Self::Retain => explained
                .switch_off("`allow: [retain]` on the step lets it pass.")
                .source("CloudFormation Template Reference Guide, \"DeletionPolicy attribute\""),
            Self::Unlisted => explained.switch_off(
                "`allow: [\"AWS::Batch::JobQueue\"]` on the step lets that type pass, \
                 `allow: [\"AWS::RDS::DBInstance.DomainIAMRoleName\"]` that property.",
            ),
        }
    }
}

const CLOSED_GROUP: &str = "Closed:
  Type: AWS::EC2::SecurityGroup
  Properties:
    GroupDescription: traffic inside the sandbox only
    VpcId: !Ref VpcId
    SecurityGroupIngress: [{ IpProtocol: \"-1\", CidrIp: !Ref VpcCidr }]
    SecurityGroupEgress: [{ IpProtocol: \"-1\", CidrIp: !Ref VpcCidr }]
";
