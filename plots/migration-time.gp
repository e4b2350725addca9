# SPDX-License-Identifier: GPL-2.0-only
# The guest's time less true time, against true time across a migration: a line per variant, coloured by
# what its time is carried over by.

load "vars.gp"

right_pixels = 150
load "style.gp"

unset yrange
set autoscale y
set offsets 0, 0, graph 0.06, graph 0.06
set xrange [-around_ms:around_ms]
set ytics scale 0.5 autofreq
set grid xtics ytics lc rgb faint lw 0.5 lt 1
set xlabel "true time since the move, ms" font ",9" tc rgb grey offset 0,0.2
set label "guest's time less true time, ms" at screen across(14), screen heads + pixels(10) font ",9" tc rgb grey
set arrow from first 0, graph 0 to first 0, graph 1 nohead lc rgb grey lw 1 dt 2

array part[4] = ["by value", "by offset", "by Live Physical Time", "kvmclock"]
array part_colour[4] = [0xd55e00, 0x0072b2, 0x009e73, 0xcc79a7]
array there[4] = [0, 0, 0, 0]
do for [i = 1:lines] { there[int(method[i]) + 1] = 1 }
do for [i = 1:4] {
	if (there[i]) {
		set arrow from screen across(legend_x), screen legend_y to \
			screen across(legend_x + 12), screen legend_y nohead lc rgb int(part_colour[i]) lw 2
		set label part[i] at screen across(legend_x + 16), screen legend_y left font ",9" tc rgb ink
		legend_x = legend_x + legend_next(part[i])
	}
}
# The names beside the figure, as far apart as they need to be, in the order of the lines' ends.
array last[lines]
do for [i = 1:lines] {
	stats "series.dat" index i - 1 using 2 name "A" nooutput
	stats "series.dat" index i - 1 every ::(int(A_records) - 1) using 2 name "L" nooutput
	last[i] = L_max
}
array place[lines]
do for [i = 1:lines] {
	place[i] = 1
	do for [k = 1:lines] {
		if (last[k] > last[i] || (last[k] == last[i] && k < i)) { place[i] = place[i] + 1 }
	}
	set label name[i] at screen right + across(8), graph 1 - (place[i] - 0.5) / (lines > 8 ? lines : 8) \
		left font ",9" tc rgb int(part_colour[int(method[i]) + 1])
}

plot for [i = 1:lines] "series.dat" index i - 1 using 1:2 with linespoints pt 7 ps 0.25 * mark lw 1.4 \
	lc rgb int(part_colour[int(method[i]) + 1]) notitle
