# SPDX-License-Identifier: GPL-2.0-only
# Latency distributions of a benchmark's variants, one row each, on one log axis: the shape of the
# samples, their percentiles as marks, the numbers beside them.

load "vars.gp"

p50_columns = 5
p99_columns = 5
max_columns = 5
do for [i = 1:rows] {
	p50_columns = strlen(p50[i]) > p50_columns ? strlen(p50[i]) : p50_columns
	p99_columns = strlen(p99[i]) > p99_columns ? strlen(p99[i]) : p99_columns
	max_columns = strlen(most[i]) > max_columns ? strlen(most[i]) : max_columns
}
max_right = 14.0
p99_right = max_right + 7.6 * max_columns + 18
p50_right = p99_right + 7.6 * p99_columns + 18
right_pixels = p50_right + 7.6 * p50_columns + 18
load "style.gp"

set logscale x
set xrange [xmin:xmax]
axis = unit.", logarithmic"
if (shapes > 0) {
	axis = axis."; height of a shape: log of the number of samples"
} else {
	axis = axis."; no raw samples here, percentiles only"
}
# What one tick cannot resolve is a zone, not a value.
if (tick > xmin) {
	axis = axis."; shaded: below one tick"
	set object 1 rectangle from graph 0, graph 0 to first tick, graph 1 behind \
		fc rgb 0xeaeaea fs solid noborder
}
set xlabel axis font ",9" tc rgb grey offset 0,0.2

# Labels a reader needs: powers of ten; 2 and 5 between them when there are few; every third power
# when there are many.
set xtics ()
decades = log10(xmax / xmin)
do for [e = floor(log10(xmin)):ceil(log10(xmax))] {
	do for [m in decades > 3.2 ? "1" : "1 2 5"] {
		v = m * 10.0 ** e
		if (v >= xmin && v <= xmax && (decades <= 7 || e % 3 == 0)) {
			set xtics add (grouped(v) v)
		}
	}
}

reason_columns = int(width * (1.0 - left) / 6.3) - 4
short(s) = strlen(s) > reason_columns ? substr(s, 1, reason_columns - 2).".." : s

set ytics ()
do for [i = 1:rows] {
	y = rows - i + 1
	set ytics add (name[i] y)
	set label p50[i] at screen 1.0 - across(p50_right), first y right tc rgb ink
	set label p99[i] at screen 1.0 - across(p99_right), first y right tc rgb ink
	set label most[i] at screen 1.0 - across(max_right), first y right tc rgb ink
	if (strlen(reason[i])) {
		set label short(reason[i]) at graph 0.01, first y left font ",9" tc rgb grey
	} else {
		set arrow from graph 0, first y to graph 1, first y nohead back lc rgb faint lw 0.5
	}
}
set label "p50" at screen 1.0 - across(p50_right), screen heads right font ",9" tc rgb grey
set label "p99" at screen 1.0 - across(p99_right), screen heads right font ",9" tc rgb grey
set label "max" at screen 1.0 - across(max_right), screen heads right font ",9" tc rgb grey

set label "provided by" at screen across(legend_x), screen legend_y left font ",9" tc rgb grey
legend_x = legend_x + legend_next("provided by")
do for [p in providers] {
	set label "" at screen across(legend_x), screen legend_y point pt 5 ps 1.2 * mark lc rgb colour(p)
	set label who(p) at screen across(legend_x + 10), screen legend_y left font ",9" tc rgb ink
	legend_x = legend_x + legend_next(who(p))
}
legend_x = legend_x + 16
array mark_name[4]
mark_name[1] = "p50"; mark_name[2] = "p99"; mark_name[3] = "p99.9"; mark_name[4] = "min, max"
array mark_point[4]
mark_point[1] = 7; mark_point[2] = 2; mark_point[3] = 6; mark_point[4] = 1
do for [i = 1:4] {
	set label "" at screen across(legend_x), screen legend_y \
		point pt mark_point[i] ps 0.9 * mark lw 1.4 lc rgb (i == 4 ? grey : ink)
	set label mark_name[i] at screen across(legend_x + 10), screen legend_y left font ",9" \
		tc rgb ink
	legend_x = legend_x + legend_next(mark_name[i])
}

if (marked > 0) {
	set label "" at screen across(legend_x), screen legend_y point pt 8 ps 0.9 * mark lw 1.2 lc rgb grey
	set label "preempted: in no number" at screen across(legend_x + 10), screen legend_y left \
		font ",9" tc rgb ink
}

plot "points.dat" using 3:1:($7 - $3):(0) with vectors nohead lw 1 lc rgb grey notitle, \
	"histogram.dat" using 1:2:3:4:5:6:(colour(strcol(7))) with boxxyerror \
		lc rgb variable notitle, \
	"marked.dat" using 1:2 with points pt 8 ps 0.9 * mark lw 1.2 lc rgb grey notitle, \
	"points.dat" using 3:1 with points pt 1 ps 0.7 * mark lc rgb grey notitle, \
	"points.dat" using 7:1 with points pt 1 ps 0.7 * mark lc rgb grey notitle, \
	"points.dat" using 6:1 with points pt 6 ps 1.0 * mark lw 1.4 lc rgb ink notitle, \
	"points.dat" using 5:1 with points pt 2 ps 1.0 * mark lw 1.4 lc rgb ink notitle, \
	"points.dat" using 4:1 with points pt 7 ps 1.3 * mark lc rgb 0xffffff notitle, \
	"points.dat" using 4:1 with points pt 7 ps 0.9 * mark lc rgb ink notitle
