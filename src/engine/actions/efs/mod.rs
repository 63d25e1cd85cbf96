//! EFS: mount targets of restored file systems.

pub mod mount;
