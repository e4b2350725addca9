# SPDX-License-Identifier: GPL-2.0-only
# Latency distributions of a benchmark's variants, one row each, on one log axis: the shape of the
# samples, their percentiles as marks, the numbers beside them.

load "vars.gp"
right_pixels = 222
load "style.gp"

set logscale x
set xrange [xmin:xmax]
set xlabel unit.", logarithmic; height of a shape: log of the number of samples" \
	font ",9" tc rgb grey offset 0,0.2
if (shapes == 0) {
	set xlabel unit.", logarithmic; no raw samples here, percentiles only" font ",9" tc rgb grey
}

# Labels a reader needs: powers of ten, and 2 and 5 between them when there are few.
set xtics () rangelimited
decades = log10(xmax / xmin)
do for [e = floor(log10(xmin)):ceil(log10(xmax))] {
	do for [m in decades > 7 ? "1" : decades > 3.2 ? "1" : "1 2 5"] {
		v = m * 10.0 ** e
		if (v >= xmin && v <= xmax && (decades <= 7 || e % 2 == 0)) {
			set xtics add (grouped(v) v)
		}
	}
}

set ytics ()
do for [i = 1:rows] {
	y = rows - i + 1
	set ytics add (name[i] y)
	set label reason[i] at graph 0.01, first y left font ",9" tc rgb grey
	set label p50[i] at screen 1.0 - 152.0 / width, first y right tc rgb ink
	set label p99[i] at screen 1.0 - 82.0 / width, first y right tc rgb ink
	set label most[i] at screen 1.0 - 12.0 / width, first y right tc rgb ink
	set arrow from graph 0, first y to graph 1, first y nohead back lc rgb faint lw 0.5
}
heads = top + pixels(8)
set label "p50" at screen 1.0 - 152.0 / width, screen heads right font ",9" tc rgb grey
set label "p99" at screen 1.0 - 82.0 / width, screen heads right font ",9" tc rgb grey
set label "max" at screen 1.0 - 12.0 / width, screen heads right font ",9" tc rgb grey

# What one tick cannot resolve is a zone, not a value.
if (tick > xmin) {
	set object 1 rectangle from graph 0, graph 0 to first tick, graph 1 behind \
		fc rgb 0xf0f0f0 fs solid noborder
	set label "below one tick" at graph 0.005, graph 0 offset 0,0.5 left font ",8" tc rgb grey
}

set key at screen left, screen 1.0 - pixels(62) left top horizontal Left reverse \
	samplen 1.2 width 1 font ",9" textcolor rgb ink maxrows 1

plot for [p in providers] NaN with points pt 5 ps 1.2 lc rgb colour(p) title who(p), \
	NaN with points pt 7 ps 0.9 lc rgb ink title "p50", \
	NaN with points pt 2 ps 0.9 lw 1.4 lc rgb ink title "p99", \
	NaN with points pt 6 ps 0.9 lw 1.2 lc rgb ink title "p99.9", \
	NaN with points pt 1 ps 0.9 lc rgb grey title "min, max", \
	"points.dat" using 3:1:($7 - $3):(0) with vectors nohead lw 1 lc rgb grey notitle, \
	"histogram.dat" using 1:2:3:4:5:6:(colour(strcol(7))) with boxxyerror \
		lc rgb variable notitle, \
	"points.dat" using 3:1 with points pt 1 ps 0.7 lc rgb grey notitle, \
	"points.dat" using 7:1 with points pt 1 ps 0.7 lc rgb grey notitle, \
	"points.dat" using 6:1 with points pt 6 ps 1.0 lw 1.2 lc rgb ink notitle, \
	"points.dat" using 5:1 with points pt 2 ps 1.0 lw 1.4 lc rgb ink notitle, \
	"points.dat" using 4:1 with points pt 7 ps 1.3 lc rgb 0xffffff notitle, \
	"points.dat" using 4:1 with points pt 7 ps 0.9 lc rgb ink notitle
