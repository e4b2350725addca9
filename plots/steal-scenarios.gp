# SPDX-License-Identifier: GPL-2.0-only
# Where each vCPU's time went, a bar per scenario: what stolen time is for comes first, so that the
# mark of what the guest was told stands at its end when the guest was told the truth.

load "vars.gp"

step = 92
right_pixels = 14.0 + 3 * step + 8
load "style.gp"

set xrange [0:100]
set xlabel "% of the run" font ",9" tc rgb grey offset 0,0.2
set xtics 0,20,100

lost_right = 1.0 - across(14 + 2 * step)
told_right = 1.0 - across(14 + step)
share_right = 1.0 - across(14)
set ytics ()
do for [i = 1:rows] {
	y = rows - i + 1
	set ytics add (name[i] y)
	set label lost[i] at screen lost_right, first y right tc rgb ink
	set label told[i] at screen told_right, first y right tc rgb ink
	set label share[i] at screen share_right, first y right tc rgb ink
}
set label "stolen (B)" at screen lost_right, screen heads right font ",9" tc rgb grey
set label "told (G)" at screen told_right, screen heads right font ",9" tc rgb grey
set label "G - K max" at screen share_right, screen heads right font ",9" tc rgb grey

do for [i = 1:classes] {
	set label "" at screen across(legend_x + 6), screen legend_y point pt 5 ps 1.2 * mark \
		lc rgb int(class_colour[i])
	set label class_name[i] at screen across(legend_x + 16), screen legend_y left font ",9" \
		tc rgb ink
	legend_x = legend_x + legend_next(class_name[i])
}
legend_x = 14.0
set label "" at screen across(legend_x + 6), screen legend_y - pixels(20) point pt 13 ps 1.1 * mark \
	lc rgb ink
set label "told to the guest" at screen across(legend_x + 16), screen legend_y - pixels(20) left \
	font ",9" tc rgb ink

plot "scenarios.dat" using 1:2:3:4:($2 - 0.3):($2 + 0.3):5 with boxxyerror lc rgb variable notitle, \
	"scenarios.dat" using 6:2 with points pt 13 ps 2.0 * mark lc rgb 0xffffff notitle, \
	"scenarios.dat" using 6:2 with points pt 13 ps 1.3 * mark lc rgb ink notitle
