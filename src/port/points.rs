//! The answer to a search for recovery points.

use super::CloudError;
use estate::RecoveryPoint;

/// The recovery points that an account sees in a place.
#[derive(Debug, Clone, Default)]
pub struct SeenPoints {
    pub points: Vec<RecoveryPoint>,
    /// What could not be read, such as one vault of several. Newer points may lie there.
    pub unread: Vec<CloudError>,
}

impl From<Vec<RecoveryPoint>> for SeenPoints {
    fn from(points: Vec<RecoveryPoint>) -> Self {
        Self { points, unread: Vec::new() }
    }
}
