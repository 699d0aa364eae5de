# Counts how often it was run, in the job's own variables.
import maand

runs = int(maand.kv_get("vars/job/" + maand.job_name(), "example_runs", "0")) + 1
maand.put_job_variable("example_runs", str(runs)).raise_for_status()
print(f"{maand.job_name()} on {maand.allocation_ip()}: run {runs}")
