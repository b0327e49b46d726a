# SPDX-License-Identifier: GPL-2.0-only
"""The connections through the proxies, as a picture: how far each one has
come, all the time; and each fault closely, with the stalls."""

from demo_picture import DEAD, STORE, legend, plt
from demo_timeline import MS

SECOND = 1_000_000_000
BACK = "#3b6fb6"  # the host is the standby again
BEFORE, AFTER = 150, 2.5  # ms shown before a fault; times the longest stall
LEAST, MOST = 400, 4000  # ms shown after it


def share(stream):
    """Its points, as a share of all that it moved."""
    first, last = stream.points[0][1], stream.points[-1][1]
    return [(at, (count - first) / max(1, last - first))
            for at, count in stream.points]


def colours(streams):
    return {s.name: plt.get_cmap("tab10")(i) for i, s in enumerate(streams)}


def draw_course(axes, course, streams):
    """Everything, in seconds since the first client was started."""
    def seconds(at):
        return (at - course.begun) / SECOND
    paint = colours(streams)
    for s in streams:
        points = share(s)
        axes.plot([seconds(at) for at, _ in points],
                  [100 * part for _, part in points], lw=1.2,
                  color=paint[s.name], label=s.name)
    for strike in course.strikes:
        end = strike.protected or strike.returned or strike.struck
        axes.axvspan(seconds(strike.struck), seconds(end), color=DEAD,
                     alpha=0.10, lw=0, label="a host is away")
        axes.axvline(seconds(strike.struck), color=DEAD, lw=1.2)
        axes.text(seconds(strike.struck), 101, f" {strike.name}",
                  fontsize=9, color=DEAD, va="bottom")
        if strike.protected:
            axes.axvline(seconds(end), color=BACK, lw=1.2, ls=":",
                         label="it is the standby again")
    axes.set_ylim(0, 108)
    axes.set_xlabel("s since the clients were started")
    axes.set_ylabel("% of what it moves")


def window(strike, streams):
    """What is shown of a fault, in ms since it."""
    worst = max((s.stall_ms(strike) or 0 for s in streams), default=0)
    return -BEFORE, min(MOST, max(LEAST, AFTER * worst))


def draw_strike(axes, strike, streams):
    """A lane for each connection, which its progress there fills."""
    begin, end = window(strike, streams)
    paint = colours(streams)
    for lane, s in enumerate(reversed(streams)):
        points = [(strike.ms(at), count) for at, count in s.points
                  if begin <= strike.ms(at) <= end]
        if not points:
            continue
        first, last = points[0][1], points[-1][1]
        axes.step([at for at, _ in points],
                  [lane + 0.85 * (count - first) / max(1, last - first)
                   for _, count in points], where="post", lw=1.1,
                  color=paint[s.name])
        gap = s.stall_of(strike)
        if gap:
            axes.barh(lane + 0.43, (gap[1] - gap[0]) / MS, 0.86,
                      strike.ms(gap[0]), color=DEAD, alpha=0.15, lw=0,
                      label="longest time without progress")
            axes.text(end, lane + 0.06, f"{(gap[1] - gap[0]) / MS:.0f} ms ",
                      fontsize=8, color=DEAD, ha="right")
    axes.axvline(0, color=DEAD, lw=1.5)
    if strike.store:
        axes.axvline(strike.ms(strike.store), color=STORE, lw=1.5, ls="--",
                     label="owner moved (one store)")
    axes.set_xlim(begin, end)
    axes.set_ylim(-0.1, len(streams))
    axes.set_yticks([n + 0.43 for n in range(len(streams))],
                    [s.name for s in reversed(streams)])
    axes.set_title(f"{strike.name}: {strike.host} to {strike.standby}",
                   fontsize=11, fontweight="bold")
    axes.set_xlabel("ms since the fault")


def draw(course, directory):
    """demo-proxy.svg and .png; nothing if there is nothing to show."""
    streams = [s for s in course.streams if s.points]
    if not streams or not course.strikes:
        return
    columns = len(course.strikes)
    figure = plt.figure(figsize=(max(9, 4.8 * columns + 0.8), 9))
    grid = figure.add_gridspec(2, columns, height_ratios=(2, 3))
    top = figure.add_subplot(grid[0, :])
    draw_course(top, course, streams)
    below = []
    for i, strike in enumerate(course.strikes):
        below.append(figure.add_subplot(grid[1, i]))
        draw_strike(below[-1], strike, streams)
        if i:
            below[-1].tick_params(labelleft=False)
    for axes in (top, *below):
        axes.grid(alpha=0.25, lw=0.5)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Connections through baton-proxy go on when the proxy or "
                    "its host is gone", fontsize=14)
    legend(figure, (top, *below), columns=6)
    figure.tight_layout(rect=(0, 0.08, 1, 0.98))
    for name in "demo-proxy.svg", "demo-proxy.png":
        figure.savefig(directory / name, dpi=130)
    plt.close(figure)
