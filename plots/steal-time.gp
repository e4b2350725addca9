# SPDX-License-Identifier: GPL-2.0-only
# One vCPU's stolen time against time: the three witnesses, what the scheduler did as a strip under
# them, the two deviations; and, where the intervals are too many to be told apart, a part of it
# enlarged.

load "vars.gp"

right_pixels = 16
load "style.gp"

# Panels, in pixels from the top.
lines_top = 132
lines_high = 214
strip_gap = 6
strip_high = 30
gk_top = lines_top + lines_high + strip_gap + strip_high + 48
dev_high = 96
kb_top = gk_top + dev_high + 30
zoom_top = kb_top + dev_high + 60
zoom_high = 116
from_top(n) = 1.0 - n / (1.0 * height)

g_colour = 0xcc79a7
k_colour = 0xe69f00
b_colour = ink

set border 3 lc rgb grey
set ytics nomirror scale 0.5 font ",9" textcolor rgb ink
set xtics font ",9" textcolor rgb ink
set grid xtics ytics lc rgb faint lw 0.5 lt 1
set format y "%g"

do for [i = 1:3] {
	who_is = i == 1 ? "G, told to the guest" : \
		i == 2 ? "K, run_delay the kernel counted" : "B, the scheduler's events"
	w = i == 1 ? 6 : i == 2 ? 3 : 1
	c = i == 1 ? g_colour : i == 2 ? k_colour : b_colour
	set arrow from screen across(legend_x + 4), screen legend_y \
		to screen across(legend_x + 22), screen legend_y nohead \
		lw w \
		lc rgb c
	set label who_is at screen across(legend_x + 28), screen legend_y left font ",9" tc rgb ink
	legend_x = legend_x + legend_next(who_is) + 14
}
legend_x = 14.0
legend_y = legend_y - pixels(20)
do for [i = 1:classes] {
	set label "" at screen across(legend_x + 6), screen legend_y point pt 5 ps 1.2 * mark \
		lc rgb int(class_colour[i])
	set label class_name[i] at screen across(legend_x + 16), screen legend_y left font ",9" \
		tc rgb ink
	legend_x = legend_x + legend_next(class_name[i])
}

set multiplot

set xrange [0:tx_high]
set xtics 0,tx_step
set format x ""
set tmargin at screen from_top(lines_top)
set bmargin at screen from_top(lines_top + lines_high)
set yrange [ty_low:ty_high]
set ytics ty_step
set label "stolen time, ".ty_name at screen left, screen from_top(lines_top - 11) left font ",9" \
	tc rgb ink
plot "lines.dat" using 1:2 with steps lw 6 lc rgb g_colour notitle, \
	"lines.dat" using 1:3 with steps lw 3 lc rgb k_colour notitle, \
	"lines.dat" using 1:4 with steps lw 1 lc rgb b_colour notitle

unset label
unset arrow
set format x "%g"
set border 1
unset grid
set tmargin at screen from_top(lines_top + lines_high + strip_gap)
set bmargin at screen from_top(lines_top + lines_high + strip_gap + strip_high)
set yrange [0:1]
unset ytics
plot "strip.dat" using 1:2:3:4:5:6:7 with boxxyerror lc rgb variable notitle

set border 3
set grid xtics ytics lc rgb faint lw 0.5 lt 1
set ytics nomirror scale 0.5 font ",9" textcolor rgb ink
set format x ""
set tmargin at screen from_top(gk_top)
set bmargin at screen from_top(gk_top + dev_high)
set yrange [gk_low:gk_high]
set ytics gk_step
set label gk_text at screen left, screen from_top(gk_top - 11) left font ",9" tc rgb ink
plot 0 with lines lw 0.8 lc rgb grey notitle, \
	"deviation.dat" using 1:2:3 with filledcurves lc rgb 0x56b4e9 notitle, \
	"deviation.dat" using 1:2 with lines lw 1.2 lc rgb 0x0072b2 notitle, \
	"deviation.dat" using 1:3 with lines lw 1.2 lc rgb 0x0072b2 notitle, \
	"deviation.dat" using 1:($6 > 0 ? $3 : NaN) with points pt 7 ps 0.4 * mark lc rgb 0x0072b2 notitle

unset label
set format x "%g"
set tmargin at screen from_top(kb_top)
set bmargin at screen from_top(kb_top + dev_high)
set yrange [kb_low:kb_high]
set ytics kb_step
set xlabel "time, ".tx_name font ",9" tc rgb grey offset 0,0.6
set label kb_text at screen left, screen from_top(kb_top - 11) left font ",9" tc rgb ink
plot 0 with lines lw 0.8 lc rgb grey notitle, \
	"deviation.dat" using 1:4:5 with filledcurves lc rgb 0x56b4e9 notitle, \
	"deviation.dat" using 1:4 with lines lw 1.2 lc rgb 0x0072b2 notitle, \
	"deviation.dat" using 1:5 with lines lw 1.2 lc rgb 0x0072b2 notitle, \
	"deviation.dat" using 1:($6 > 0 ? $5 : NaN) with points pt 7 ps 0.4 * mark lc rgb 0x0072b2 notitle

if (zoomed) {
	unset label
	unset xlabel
	set xrange [zx_low:zx_high]
	set xtics ceil(zx_low / zx_step) * zx_step,zx_step
	set format x ""
	set tmargin at screen from_top(zoom_top)
	set bmargin at screen from_top(zoom_top + zoom_high)
	set yrange [zy_low:zy_high]
	set ytics zy_step
	set label "a part of it, enlarged: stolen time, ".zy_name at screen left, \
		screen from_top(zoom_top - 11) left font ",9" tc rgb ink
	plot "zoom-lines.dat" using 1:2 with steps lw 6 lc rgb g_colour notitle, \
		"zoom-lines.dat" using 1:3 with steps lw 3 lc rgb k_colour notitle, \
		"zoom-lines.dat" using 1:4 with steps lw 1 lc rgb b_colour notitle

	unset label
	unset grid
	set border 1
	set format x "%g"
	set xlabel "time, ".zx_name font ",9" tc rgb grey offset 0,0.6
	set tmargin at screen from_top(zoom_top + zoom_high + strip_gap)
	set bmargin at screen from_top(zoom_top + zoom_high + strip_gap + strip_high)
	set yrange [0:1]
	unset ytics
	plot "zoom-strip.dat" using 1:2:3:4:5:6:7 with boxxyerror lc rgb variable notitle
}
unset multiplot
