# maand runs these targets on each worker: start after the first deploy, restart or reload when something changed,
# stop when the job is removed or disabled, status for "maand job status". CURRENT_VERSION, NEW_VERSION, JOB,
# ALLOCATION_IP and BUCKET_ID are set. A target that fails makes the deploy of this worker fail.
