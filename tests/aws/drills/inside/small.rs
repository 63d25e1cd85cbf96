//! The smallest drill with a probe: one volume, one machine, and a check that asks the machine.

use serde_json::{Value, json};

use crate::drills::closet::Closet;
use crate::drills::drill::Drill;
use crate::drills::shop::{SANDBOX, WEST};

pub struct Small {
    pub closet: Closet,
    role: String,
    pub before: Value,
}

impl Small {
    /// Everything takes `seconds` to become ready, and Lambda keeps interfaces for `lingers` seconds.
    pub async fn open(seconds: f64, lingers: f64) -> Self {
        let closet = Closet::open(seconds).await;
        let moto = &closet.moto;
        moto.delays(&json!({ "function_interface": lingers }));
        let role = super::role(moto, SANDBOX);
        let machine = json!([{ "kind": "http", "account": SANDBOX, "region": WEST,
            "serves": { "instance": "*" }, "port": 80,
            "routes": { "GET /healthz": { "status": 200, "body": "ok" } } }]);
        moto.call("POST", "/peer/machines", Some(&machine));
        let before = moto.state();
        Self { closet, role, before }
    }

    /// A drill whose check has so much time.
    pub fn drill(&self, within: &str) -> Drill {
        Drill::new(&self.playbook("ttl: 1h", within), self.closet.moto.endpoint())
    }

    /// The playbook of the drill, with these keys of the sandbox.
    pub fn playbook(&self, sandbox: &str, within: &str) -> String {
        let head = Closet::head("inside");
        let head = head.replace("ttl: 1h", &format!("{sandbox}, probe: {{ role: \"{}\" }}", self.role));
        format!(
            "{head}steps:
  - {{ id: volume, uses: ec2.restore_volume, workload: orders, with: {{ from: {{ snapshot: {} }} }} }}
  - {{ id: web, uses: ec2.launch, workload: orders, with: {{ image: {}, type: t3.small }} }}
checks:
  - {{ id: up, workload: orders, needs: [volume], http: {{ url: \"http://{{{{ steps.web.instances.0.private_ip }}}}/healthz\" }}, within: {within}, every: 1s, stable_for: 2s }}
",
            self.closet.snapshot, self.closet.image
        )
    }
}
