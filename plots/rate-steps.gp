# SPDX-License-Identifier: GPL-2.0-only
# How far the guest's counter is from the frequency it is told to have: a row per host and setting, a
# point with the range that the readings leave open.

load "vars.gp"

step = 88
right_pixels = 14.0 + 3 * step + 8
load "style.gp"

set xrange [-xmax:xmax]
set xlabel "rate error, ppb" font ",9" tc rgb grey offset 0,0.2
set xtics ()
do for [i = -int(xmax / xstep):int(xmax / xstep)] { set xtics add (sprintf("%+g", i * xstep) i * xstep) }
set arrow from first 0, graph 0 to first 0, graph 1 nohead lc rgb grey lw 1

value_right = 1.0 - across(14 + 2 * step)
half_right = 1.0 - across(14 + step)
read_right = 1.0 - across(14)
set ytics ()
do for [i = 1:rows] {
	y = rows - i + 1
	set ytics add (name[i] y)
	set label value[i] at screen value_right, first y right tc rgb ink
	set label half[i] at screen half_right, first y right tc rgb ink
	set label read[i] at screen read_right, first y right tc rgb ink
}
set label "ppb" at screen value_right, screen heads right font ",9" tc rgb grey
set label "open" at screen half_right, screen heads right font ",9" tc rgb grey
set label "a reading, ns" at screen read_right, screen heads right font ",9" tc rgb grey

# Neighbouring hosts are told apart, not named: the rows are.
host_colour(i) = int(i) % 2 ? 0x0072b2 : 0xd55e00
plot "steps.dat" using 2:1:3:4:(host_colour($5)) with xerrorbars pt 7 ps 1.1 * mark lw 1.5 \
		lc rgb variable notitle
