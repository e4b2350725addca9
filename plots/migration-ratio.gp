# SPDX-License-Identifier: GPL-2.0-only
# Jump of the guest's time against the ratio of the counters' frequencies of the host it goes to and the
# one it comes from: by value and by offset it is wrong from the first moment on, by LPT it is not.

load "vars.gp"

right_pixels = 40
load "style.gp"

unset yrange
set logscale x
set xrange [0.04:25]
set autoscale y
set offsets graph 0, graph 0, graph 0.08, graph 0.08
set xtics ("1/16" 0.0625, "1/8" 0.125, "1/4" 0.25, "1/2" 0.5, "1" 1, "1.6" 1.6, "4" 4, "16" 16)
set ytics scale 0.5 autofreq
set grid xtics ytics lc rgb faint lw 0.5 lt 1
set xlabel "counter frequency there / here" font ",9" tc rgb grey offset 0,0.2
set label "jump, ms" at screen across(14), screen heads + pixels(10) font ",9" tc rgb grey

array part[3] = ["by value", "by offset", "by Live Physical Time"]
array part_colour[3] = [0xd55e00, 0x0072b2, 0x009e73]
do for [i = 1:3] {
	set label "" at screen across(legend_x + 6), screen legend_y point pt 7 ps 1.1 * mark \
		lc rgb int(part_colour[i])
	set label part[i] at screen across(legend_x + 16), screen legend_y left font ",9" tc rgb ink
	legend_x = legend_x + legend_next(part[i])
}
colour_of(k) = int(part_colour[int(k) + 1])

set arrow from graph 0, first 0 to graph 1, first 0 nohead lc rgb grey lw 1
plot "jumps.dat" using 1:2:3:(colour_of($4)) with yerrorbars pt 7 ps 1.1 * mark lw 1.5 lc rgb variable notitle
