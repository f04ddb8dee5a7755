# SPDX-License-Identifier: Apache-2.0
# %% [markdown]
# # emu in six cells
#
# Run it cell by cell from the top of the repository (VS Code, Jupyter with Jupytext, Spyder), or
# as a whole: `.venv/bin/python docs/quickstart.py`. It takes a few seconds.

# %% Load an experiment: a fabric, a workload, designs. Every fault in the file would be listed.
import emu

experiment = emu.load("docs/quickstart.yaml")
print(experiment.question)
for variant in experiment.variants():
    print(" ", variant.id, variant.labels)

# %% Run it: one run per variant and seed. What is there already is kept.
runs = emu.run(experiment, out="runs/quickstart", jobs=2, resume=True)

# %% Transfers are data frames. Slowdown 1.0 is an empty fabric.
for run in runs:
    done = run.transfers[run.transfers["status"] == "done"]
    tail = done["slowdown"].quantile([0.5, 0.9, 0.99]).round(2).to_dict()
    print(f"{run.labels['design']:10} {len(done)} transfers, slowdown {tail}")

# %% Was anything lost, and who was paused?
for run in runs:
    paused_ps = run.ports.groupby("kind")["pfc_rx_pause_ps"].sum()
    print(
        f"{run.labels['design']:10} dropped {run.counters['dropped_packets']} packets, "
        f"paused {paused_ps.sum() / 1e9:.3f} ms in all"
    )

# %% How even are the uplinks?
for run in runs:
    uplinks = run.ports[run.ports["kind"] == "fabric"].groupby("name")["tx_bytes"].sum()
    print(f"{run.labels['design']:10} busiest / mean = {uplinks.max() / uplinks.mean():.2f}")

# %% The whole report: one self-contained page.
page = emu.report(runs, "reports/quickstart")
print("open", page)
