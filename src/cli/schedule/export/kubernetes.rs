//! A CronJob of Kubernetes.

use serde_json::json;

use super::{Job, Manifest, name_in_lower_case};
use base::on::On;
use yaml::emit::{flow, scalar};

/// The longest name of a CronJob: its jobs add 11 characters.
const LONGEST_NAME: usize = 52;
/// Kubernetes looks every ten seconds, and a shorter deadline may pass unseen.
const SHORTEST_WINDOW: u64 = 10;

pub fn manifest(job: &Job<'_>, image: Option<&str>) -> Result<Vec<Manifest>, String> {
    let image = image.filter(|image| !image.is_empty() && !image.contains(char::is_whitespace)).ok_or(
        "say which image holds Drillmaster and the playbook: `--image registry.example.com/drills:1`",
    )?;
    job.absolute("the drill runs in the image")?;
    let deadline = match job.schedule.window().map(|window| window.0.as_secs()) {
        None => String::new(),
        Some(seconds) if seconds < SHORTEST_WINDOW => {
            return Err("Kubernetes looks every 10s, and may miss a shorter window: make it longer".into());
        }
        Some(seconds) => format!("\n  startingDeadlineSeconds: {seconds}"),
    };
    let name = format!("drillmaster-{}", name_in_lower_case(job.name, LONGEST_NAME - "drillmaster-".len()));
    let head = job.head(&[
        "The controller's own rules hold where clocks change: when they are put forward, a drill at a \
         time that does not exist is left out. The volume keeps the runs. A pod that is stopped has an \
         hour for its teardown.",
        if job.on == On::Aws { "The service account drillmaster gives it its role in AWS." } else { "" },
    ]);
    // Kubernetes replaces `$(NAME)`, and reads `$$(` as `$(`.
    let arguments: Vec<String> = job.command().iter().map(|text| text.replace("$(", "$$(")).collect();
    let text = format!(
        "{head}apiVersion: batch/v1
kind: CronJob
metadata:
  name: {name}
  labels: {{ app.kubernetes.io/name: drillmaster }}
spec:
  schedule: {cron}
  timeZone: {zone}
  concurrencyPolicy: Forbid{deadline}
  jobTemplate:
    spec:
      backoffLimit: 0
      template:
        metadata:
          labels: {{ app.kubernetes.io/name: drillmaster }}
        spec:
          restartPolicy: Never
          terminationGracePeriodSeconds: 3600
{account}          securityContext:
            runAsNonRoot: true
            runAsUser: 65532
            fsGroup: 65532
            seccompProfile: {{ type: RuntimeDefault }}
          containers:
            - name: drillmaster
              image: {image}
              command: [drillmaster]
              args: {arguments}
              workingDir: /var/lib/drillmaster
              securityContext:
                allowPrivilegeEscalation: false
                capabilities: {{ drop: [ALL] }}
              volumeMounts:
                - {{ name: runs, mountPath: /var/lib/drillmaster }}
          volumes:
            - name: runs
              persistentVolumeClaim: {{ claimName: drillmaster-runs }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: drillmaster-runs
spec:
  accessModes: [ReadWriteOnce]
  resources: {{ requests: {{ storage: 1Gi }} }}
",
        name = scalar(&name),
        cron = scalar(&job.fields.cron()),
        zone = scalar(job.schedule.zone().name()),
        account = if job.on == On::Aws { "          serviceAccountName: drillmaster\n" } else { "" },
        image = scalar(image),
        arguments = flow(&json!(arguments)),
    );
    Ok(vec![Manifest { name: format!("{name}.cronjob.yaml"), text }])
}
