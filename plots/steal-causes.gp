# SPDX-License-Identifier: GPL-2.0-only
# Why vCPUs were not in the guest: a bar per cause over all scenarios. The light bar is how long that
# was, by the scheduler's events; the dark one in it how much of that the guest was told. What was
# lost before the guest's first sample or after its last is grey: nobody knows what it was told.

load "vars.gp"

step = 96
right_pixels = 14.0 + 3 * step + 8
load "style.gp"

set xrange [0:xmax]
set xlabel unit.", of all scenarios together" font ",9" tc rgb grey offset 0,0.2
set xtics ()
do for [i = 0:int(xmax / xstep)] { set xtics add (sprintf("%g", i * xstep) i * xstep) }

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
set label "lost (B)" at screen lost_right, screen heads right font ",9" tc rgb grey
set label "told (G)" at screen told_right, screen heads right font ",9" tc rgb grey
set label "of it" at screen share_right, screen heads right font ",9" tc rgb grey

# As light as the colour on white at a third.
light(c) = (255 - (255 - int(c) / 65536) / 3) * 65536 + \
	(255 - (255 - int(c) / 256 % 256) / 3) * 256 + (255 - (255 - int(c) % 256) / 3)
blue = 0x0072b2
array part[3] = ["lost, by the scheduler's events (B)", "of that told to the guest (G)", \
	"lost before its first or after its last sample"]
do for [i = 1:3] {
	c = i == 1 ? light(blue) : i == 2 ? blue : faint
	set label "" at screen across(legend_x + 6), screen legend_y point pt 5 \
		ps (i == 2 ? 0.9 : 1.4) * mark lc rgb c
	set label part[i] at screen across(legend_x + 16), screen legend_y left font ",9" tc rgb ink
	legend_x = legend_x + legend_next(part[i])
}

plot "causes.dat" using (($2 + $3) / 2):1:3:2:($1 - 0.32):($1 + 0.32) with boxxyerror \
		lc rgb faint notitle, \
	"causes.dat" using ($3 / 2):1:(0):3:($1 - 0.32):($1 + 0.32):(light($5)) with boxxyerror \
		lc rgb variable notitle, \
	"causes.dat" using ($4 / 2):1:(0):4:($1 - 0.16):($1 + 0.16):5 with boxxyerror \
		lc rgb variable notitle
