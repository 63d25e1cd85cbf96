//! `tcp`: a connection, and what was received over it.

use crate::Observation;
use playbook::check::TcpCheck;
use playbook::expr_value::TemplateLeft;

/// Judges a connection that was made. `received`: the bytes from the server, as text.
pub fn judge(spec: &TcpCheck, received: Option<&str>) -> Result<Observation, TemplateLeft> {
    let Some(expect) = &spec.expect else { return Ok(Observation::healthy("connected")) };
    let expect = expect.get()?;
    Ok(match received {
        None => {
            let what = format!("what is received (expected `{expect}`)");
            Observation::healthy("connected").assuming(vec![what])
        }
        Some("") => {
            Observation::unhealthy("received nothing", format!("nothing was received, expected `{expect}`"))
        }
        Some(text) => {
            let shown = format!("received `{}`", text.trim());
            Observation::compared(&shown, "what was received", text, expect)
        }
    })
}
