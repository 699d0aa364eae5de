# maand runs these targets on each worker: start after the first deploy, restart or reload when something changed,
# stop when the job is removed or disabled, status for "maand job status". After a deploy that was cut short nobody knows
# what runs: start must replace another version, stop must not mind that nothing runs, restart must start it then. CURRENT_VERSION, NEW_VERSION, JOB,
# ALLOCATION_IP and BUCKET_ID are set. A target that fails makes the deploy of this worker fail.
