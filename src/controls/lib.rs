//! The clauses of laws and standards that demand tested recovery, with what each wants.
//!
//! The texts are summaries in our own words. The clause itself counts, and an auditor decides.

use base::ids::BadName;

/// A clause of a law or a standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clause {
    /// As playbooks name it: `SOC2-A1.3`.
    pub id: &'static str,
    /// The law or standard, and the number there.
    pub of: &'static str,
    /// What it wants, in our words.
    pub wants: &'static str,
    /// How often, if it says so itself. Others say "periodically", and the playbook's schedule counts.
    pub months: Option<u32>,
}

const fn clause(id: &'static str, of: &'static str, wants: &'static str) -> Clause {
    Clause { id, of, wants, months: None }
}

const fn yearly(id: &'static str, of: &'static str, wants: &'static str) -> Clause {
    Clause { id, of, wants, months: Some(12) }
}

/// Every clause, by family.
pub const ALL: &[Clause] = &[
    clause(
        "SOC2-A1.2",
        "AICPA Trust Services Criteria (2017, points of focus 2022) A1.2",
        "backup processes and recovery infrastructure are designed, operated and monitored",
    ),
    clause(
        "SOC2-A1.3",
        "AICPA Trust Services Criteria (2017, points of focus 2022) A1.3",
        "the procedures of the recovery plan are tested",
    ),
    clause(
        "ISO27001-A.5.29",
        "ISO/IEC 27001:2022 A.5.29",
        "information stays secure during a disruption, as planned",
    ),
    clause(
        "ISO27001-A.5.30",
        "ISO/IEC 27001:2022 A.5.30",
        "readiness for business continuity is planned, kept and tested",
    ),
    clause(
        "ISO27001-A.8.13",
        "ISO/IEC 27001:2022 A.8.13",
        "backups are kept, and restoring them is tested regularly",
    ),
    clause(
        "ISO27001-A.8.14",
        "ISO/IEC 27001:2022 A.8.14",
        "facilities are redundant enough to stay available",
    ),
    clause(
        "ISO22301-8.5",
        "ISO 22301:2019 8.5",
        "exercises are held at planned intervals and after changes, with reports and actions",
    ),
    clause(
        "NIST-CP-4",
        "NIST SP 800-53 Rev. 5 CP-4",
        "the contingency plan is tested at a set frequency, reviewed and corrected",
    ),
    clause(
        "NIST-CP-4.2",
        "NIST SP 800-53 Rev. 5 CP-4(2)",
        "the plan is tested at the alternate processing site",
    ),
    clause("NIST-CP-4.3", "NIST SP 800-53 Rev. 5 CP-4(3)", "the plan is tested by automated means"),
    clause(
        "NIST-CP-4.4",
        "NIST SP 800-53 Rev. 5 CP-4(4)",
        "the test includes a full recovery to a known state",
    ),
    clause(
        "NIST-CP-9.1",
        "NIST SP 800-53 Rev. 5 CP-9(1)",
        "backups are tested for reliability and integrity",
    ),
    clause(
        "NIST-CP-9.2",
        "NIST SP 800-53 Rev. 5 CP-9(2)",
        "samples of backups are restored as part of testing the plan",
    ),
    clause(
        "NIST-CP-10",
        "NIST SP 800-53 Rev. 5 CP-10",
        "the system is recovered to a known state within its recovery time and point objectives",
    ),
    yearly(
        "PCI-12.10.2",
        "PCI DSS 4.0.1 12.10.2",
        "the incident response plan, with business recovery and data backup, is tested every 12 months",
    ),
    clause(
        "HIPAA-164.308.a.7.ii.D",
        "45 CFR 164.308(a)(7)(ii)(D)",
        "contingency plans are tested and revised periodically (addressable)",
    ),
    clause(
        "DORA-11.4",
        "Regulation (EU) 2022/2554 (DORA) Art. 11(4)",
        "ICT continuity plans are in place, kept and tested periodically",
    ),
    yearly(
        "DORA-11.6",
        "Regulation (EU) 2022/2554 (DORA) Art. 11(6)",
        "continuity, response and recovery plans are tested yearly and after substantive changes",
    ),
    clause(
        "DORA-12.2",
        "Regulation (EU) 2022/2554 (DORA) Art. 12(2)",
        "backup, restoration and recovery procedures are tested periodically",
    ),
    clause(
        "DORA-12.3",
        "Regulation (EU) 2022/2554 (DORA) Art. 12(3)",
        "backups are restored on systems that are physically and logically segregated from the source",
    ),
    clause(
        "DORA-12.6",
        "Regulation (EU) 2022/2554 (DORA) Art. 12(6)",
        "each function has recovery time and point objectives",
    ),
    clause(
        "DORA-12.7",
        "Regulation (EU) 2022/2554 (DORA) Art. 12(7)",
        "after a recovery, checks and reconciliations show that the data are intact",
    ),
    clause(
        "DORA-24.4",
        "Regulation (EU) 2022/2554 (DORA) Art. 24(4)",
        "independent parties, internal or external, carry out the tests",
    ),
    clause(
        "DORA-24.5",
        "Regulation (EU) 2022/2554 (DORA) Art. 24(5)",
        "issues that tests reveal are prioritised, classified and remedied",
    ),
    yearly(
        "DORA-24.6",
        "Regulation (EU) 2022/2554 (DORA) Art. 24(6)",
        "systems of critical or important functions are tested at least yearly",
    ),
    clause(
        "NIS2-21.2.c",
        "Directive (EU) 2022/2555 (NIS 2) Art. 21(2)(c)",
        "business continuity: backup management, disaster recovery, crisis management",
    ),
    clause(
        "NIS2-21.2.f",
        "Directive (EU) 2022/2555 (NIS 2) Art. 21(2)(f)",
        "policies and procedures assess whether the measures are effective",
    ),
    clause(
        "CIR2690-4.1.4",
        "Implementing Regulation (EU) 2024/2690 Annex 4.1.4",
        "continuity and recovery plans are tested and reviewed at planned intervals and after incidents",
    ),
    clause(
        "CIR2690-4.2.6",
        "Implementing Regulation (EU) 2024/2690 Annex 4.2.6",
        "recovering backup copies is tested regularly, documented and corrected",
    ),
];

pub fn find(id: &str) -> Option<&'static Clause> {
    ALL.iter().find(|clause| clause.id == id)
}

/// A clause by its id.
///
/// # Errors
/// There is none of this id, with the nearest one.
pub fn named(id: &str) -> Result<&'static Clause, BadName> {
    find(id).ok_or_else(|| {
        let folded = id.to_uppercase();
        let near =
            ALL.iter().map(|clause| (strsim::jaro_winkler(&clause.id.to_uppercase(), &folded), clause.id));
        let near = near.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness > 0.7);
        let help = match near {
            Some((_, near)) => {
                format!("did you mean `{near}`? `drillmaster controls --list` lists all clauses")
            }
            None => "`drillmaster controls --list` lists all clauses".to_owned(),
        };
        BadName { message: format!("`{}` is no clause of the catalogue", id.escape_debug()), help }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_one_form_and_stand_once() {
        for (index, clause) in ALL.iter().enumerate() {
            assert!(ALL.iter().skip(index + 1).all(|other| other.id != clause.id), "{}", clause.id);
            let plain = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
            assert!(clause.id.contains('-') && clause.id.chars().all(plain), "{}", clause.id);
            assert_eq!(named(clause.id), Ok(clause));
        }
    }

    #[test]
    fn a_mistyped_id_is_corrected() {
        let help = |id| named(id).unwrap_err().help;
        assert!(help("SOC2-A1_3").contains("`SOC2-A1.3`"));
        assert!(help("dora-12.3").contains("`DORA-12.3`"));
        assert!(!help("breakfast").contains("did you mean"));
    }
}
