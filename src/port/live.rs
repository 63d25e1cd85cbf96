//! The types of resources that a live account can be asked for.

use estate::Resource;
use strum::VariantArray;

/// A type of resource that a live account can be asked for: those that an action restores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray)]
pub enum LiveKind {
    Instance,
    Volume,
    Database,
    Cluster,
    Bucket,
}

impl LiveKind {
    /// Every variant, in the order of the definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The type as selectors write it.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Instance => "ec2:instance",
            Self::Volume => "ec2:volume",
            Self::Database => "rds:db",
            Self::Cluster => "rds:cluster",
            Self::Bucket => "s3:bucket",
        }
    }

    /// The type of this selector's resources. `None` if it cannot be asked for.
    pub fn of(kind: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|live| live.kind() == kind)
    }

    /// The call that lists the resources of the type.
    pub const fn call(self) -> &'static str {
        match self {
            Self::Instance => "ec2:DescribeInstances",
            Self::Volume => "ec2:DescribeVolumes",
            Self::Database => "rds:DescribeDBInstances",
            Self::Cluster => "rds:DescribeDBClusters",
            Self::Bucket => "s3:ListBuckets",
        }
    }
}

/// What [`Cloud::resources`](super::Cloud::resources) looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveQuery {
    pub kind: LiveKind,
    /// Of this type. A resource is returned if one of them means it.
    pub selectors: Vec<estate::Selector>,
}

impl LiveQuery {
    pub fn means(&self, resource: &Resource) -> bool {
        self.selectors.iter().any(|selector| selector.means(resource))
    }

    /// Whether the tags of resources must be read.
    pub fn asks_for_tags(&self) -> bool {
        self.selectors.iter().any(|selector| matches!(selector, estate::Selector::Tag { .. }))
    }
}
