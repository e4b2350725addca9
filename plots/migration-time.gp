# SPDX-License-Identifier: GPL-2.0-only
# The guest's time less true time, against true time across a migration: a line per variant, coloured by
# what its time is carried over by.

load "vars.gp"

right_pixels = 150
load "style.gp"

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
# The names beside the ends of their lines, and where these are close below each other.
array last[lines]
lowest = 0
highest = 0
set xrange [*:*]
set yrange [*:*]
do for [i = 1:lines] {
	stats "series.dat" index i - 1 using (abs($1) <= around_ms ? $2 : NaN) name "A" nooutput
	stats "series.dat" index i - 1 using 2 name "R" nooutput
	stats "series.dat" index i - 1 every ::(int(R_records) - 1) using 2 name "L" nooutput
	last[i] = L_max
	lowest = A_min < lowest ? A_min : lowest
	highest = A_max > highest ? A_max : highest
}
margin = (highest > lowest ? highest - lowest : 1) * 0.06
set yrange [lowest - margin:highest + margin]
set xrange [-around_ms:around_ms]
array order[lines]
do for [i = 1:lines] {
	place = 1
	do for [k = 1:lines] {
		if (last[k] > last[i] || (last[k] == last[i] && k < i)) { place = place + 1 }
	}
	order[place] = i
}
array at[lines]
apart = lines > 18 ? 1.0 / lines : 0.055
do for [n = 1:lines] {
	at[n] = (last[order[n]] - lowest + margin) / (highest - lowest + 2 * margin)
	if (n > 1 && at[n] > at[n - 1] - apart) { at[n] = at[n - 1] - apart }
	if (n == 1 && at[n] > 1 - apart / 2) { at[n] = 1 - apart / 2 }
}
# What that has pushed out below moves up again.
do for [m = 1:lines] {
	n = lines + 1 - m
	least = m == 1 ? apart / 2 : at[n + 1] + apart
	if (at[n] < least) { at[n] = least }
	i = order[n]
	set label name[i] at screen right + across(8), graph at[n] left font ",9" \
		tc rgb int(part_colour[int(method[i]) + 1])
}

plot for [i = 1:lines] "series.dat" index i - 1 using 1:2 with linespoints pt 7 ps 0.25 * mark lw 1.4 \
	lc rgb int(part_colour[int(method[i]) + 1]) notitle
