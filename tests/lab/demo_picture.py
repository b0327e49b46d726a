# SPDX-License-Identifier: GPL-2.0-only
"""The failovers, as a picture: for each, the packets that the client's stream
got through to either host, and the requests of its web clients."""

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

from demo_timeline import MS  # noqa: E402

OLD, NEW, CLIENT = "#3b6fb6", "#e08a1e", "#222222"
DEAD, STORE = "#c0392b", "#2e7d32"
BINS = 100  # across the picture


def histogram(times, start, end, width):
    """Packets per ms, and where the bins end."""
    count = [0] * round((end - start) / width)
    for t in times:
        if start <= t < end:
            count[min(int((t - start) / width), len(count) - 1)] += 1
    edges = [start + i * width for i in range(len(count) + 1)]
    return [c / width for c in count], edges


def span(timeline):
    """What is shown, in ms since the failure: the failover in its middle."""
    shift = timeline.ms(timeline.store) or timeline.ms(
        max(p.sent for p in timeline.packets))
    return -0.8 * shift, 2.2 * shift


def steps(axes, times, window, **style):
    values, edges = histogram(times, *window, (window[1] - window[0]) / BINS)
    axes.stairs(values, edges, **style)
    return max(values, default=0)


def marks(axes, t):
    """The failure, and the store that answers it."""
    axes.axvline(0, color=DEAD, lw=1.5, label="host fails")
    if t.store is not None:
        axes.axvline(t.ms(t.store), color=STORE, lw=1.5, ls="--",
                     label="detected, owner moved (one store)")
        axes.axvspan(0, t.ms(t.store), color=DEAD, alpha=0.07, lw=0)


def draw_stream(axes, scenario):
    t = scenario.timeline
    window = span(t)
    top = 0
    for key, colour, name in (("old", OLD, "packets that reach the owner's "
                               "host"),
                              ("new", NEW, "packets that reach the standby")):
        times = [t.ms(at) for p in t.packets if (at := getattr(p, key))]
        top = max(top, steps(axes, times, window, color=colour, fill=True,
                             alpha=0.55, lw=0, label=name))
    answers = [t.ms(p.answered) for p in t.packets if p.answered]
    top = max(top, steps(axes, answers, window, color=CLIENT, lw=1.1,
                         label="answers that the client gets"))
    marks(axes, t)
    axes.set_xlim(window)
    if t.store is not None:
        axes.text(t.ms(t.store) / 2, 0.98,
                  f"{t.ms(t.store):.1f} ms\n{t.lost} packets\nlost",
                  transform=axes.get_xaxis_transform(), ha="center",
                  va="top", fontsize=9, color=DEAD)
    axes.set_title(scenario.fault.name, fontsize=12, fontweight="bold")
    return top


def draw_requests(axes, scenario):
    """How long each request took, where it began."""
    t = scenario.timeline
    good = [r for r in scenario.requests if r.status == 200]
    bad = [r for r in scenario.requests if r.status != 200]
    for name, colour, marker, requests in (
            ("request answered by the owner's host", OLD, "o",
             [r for r in good if r.host == scenario.host.name]),
            ("request answered by another host", NEW, "o",
             [r for r in good if r.host != scenario.host.name]),
            ("request failed", DEAD, "X", bad)):
        axes.plot([t.ms(r.start) for r in requests],
                  [(r.end - r.start) / MS for r in requests], marker, ms=5,
                  color=colour, mec="white", mew=0.4, label=name)
    marks(axes, t)
    axes.set_yscale("log")
    axes.set_ylim(0.15, 8000)
    axes.set_yticks([1, 10, 100, 1000], ["1 ms", "10 ms", "100 ms", "1 s"])
    axes.set_xlabel("ms since the failure")


def legend(figure, rows, columns=4):
    """One for the picture: each label once."""
    known = {}
    for axes in rows:
        for handle, label in zip(*axes.get_legend_handles_labels()):
            known.setdefault(label, handle)
    figure.legend(known.values(), known.keys(), loc="lower center", ncol=columns,
                  fontsize=9, frameon=False)


def draw(scenarios, directory):
    """demo.svg and demo.png; nothing if there is nothing to show."""
    scenarios = [s for s in scenarios if s.timeline and s.timeline.packets]
    if not scenarios:
        return
    figure, rows = plt.subplots(
        2, len(scenarios), figsize=(4.6 * len(scenarios) + 0.8, 7),
        sharex="col", sharey="row", squeeze=False, height_ratios=(3, 2))
    tops = [draw_stream(rows[0][i], s) for i, s in enumerate(scenarios)]
    rows[0][0].set_ylim(0, 1.35 * max(tops))  # room for the figures
    for i, scenario in enumerate(scenarios):
        draw_requests(rows[1][i], scenario)
    rows[0][0].set_ylabel("UDP packets per ms")
    rows[1][0].set_ylabel("HTTP requests: time taken")
    for axes in rows.flat:
        axes.grid(alpha=0.25, lw=0.5)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("A host dies; the switch moves its connections to the "
                    "standby with one store", fontsize=14)
    legend(figure, (rows[0][0], rows[1][0]))
    figure.tight_layout(rect=(0, 0.09, 1, 0.98))
    for name in "demo.svg", "demo.png":
        figure.savefig(directory / name, dpi=130)
    plt.close(figure)
