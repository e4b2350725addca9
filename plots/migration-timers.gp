# SPDX-License-Identifier: GPL-2.0-only
# How late each expiry of a timer was seen, against how long ahead it had been armed; those that were
# armed on one host and expired on the other stand out. Left of the deadline is never.

load "vars.gp"

right_pixels = 40
load "style.gp"

unset yrange
set logscale xy
set xrange [4e-7:30]
set autoscale y
set offsets graph 0, graph 0, graph 0.08, graph 0.05
set xtics ("1 us" 1e-6, "10 us" 1e-5, "100 us" 1e-4, "1 ms" 1e-3, "10 ms" 1e-2, "100 ms" 0.1, "1 s" 1, \
	"10 s" 10)
set ytics scale 0.5 autofreq
set ytics ("0.1 us" 0.1, "1 us" 1, "10 us" 10, "100 us" 100, "1 ms" 1e3, "10 ms" 1e4, "100 ms" 1e5, \
	"1 s" 1e6)
set grid xtics ytics lc rgb faint lw 0.5 lt 1
set xlabel "armed so long ahead" font ",9" tc rgb grey offset 0,0.2
set label "seen so much later than due" at screen across(14), screen heads + pixels(10) font ",9" tc rgb grey

array part[4] = ["virtual", "physical", "virtual, across the move", "physical, across the move"]
array part_colour[4] = [0x8fb8d6, 0xe8b58a, 0x0072b2, 0xd55e00]
array part_type[4] = [7, 7, 9, 9]
do for [i = 1:4] {
	set label "" at screen across(legend_x + 6), screen legend_y point pt part_type[i] ps 1.2 * mark \
		lc rgb int(part_colour[i])
	set label part[i] at screen across(legend_x + 16), screen legend_y left font ",9" tc rgb ink
	legend_x = legend_x + legend_next(part[i])
}

plot for [i = 1:4] "timers.dat" using ($3 == i - 1 ? $1 : NaN):($2 > 0.05 ? $2 : 0.05) with points \
	pt part_type[i] ps (i > 2 ? 1.8 : 0.9) * mark lc rgb int(part_colour[i]) notitle
