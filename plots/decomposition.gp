# SPDX-License-Identifier: GPL-2.0-only
# Where the time of an exit goes: hardware exit, host handling, hardware entry, one stacked bar per
# variant (medians), and what the guest itself saw of the same operations.

load "vars.gp"
right_pixels = 332
load "style.gp"

exit_colour = 0x0072b2
host_colour = 0xe69f00
entry_colour = 0x009e73

set xrange [0:xmax]
set xlabel unit.", medians over the traced operations" font ",9" tc rgb grey offset 0,0.2
set xtics ()
do for [i = 0:int(xmax / xstep)] { set xtics add (grouped(i * xstep) i * xstep) }

set ytics ()
do for [i = 1:rows] {
	y = rows - i + 1
	set ytics add (name[i] y)
	set label hw_exit[i] at screen 1.0 - 246.0 / width, first y right tc rgb ink
	set label handling[i] at screen 1.0 - 168.0 / width, first y right tc rgb ink
	set label hw_entry[i] at screen 1.0 - 90.0 / width, first y right tc rgb ink
	set label saw[i] at screen 1.0 - 12.0 / width, first y right tc rgb ink
}
heads = top + pixels(8)
set label "hw exit" at screen 1.0 - 246.0 / width, screen heads right font ",9" tc rgb exit_colour
set label "host" at screen 1.0 - 168.0 / width, screen heads right font ",9" tc rgb host_colour
set label "hw entry" at screen 1.0 - 90.0 / width, screen heads right font ",9" tc rgb entry_colour
set label "guest saw" at screen 1.0 - 12.0 / width, screen heads right font ",9" tc rgb ink

set key at screen left, screen 1.0 - pixels(62) left top horizontal Left reverse \
	samplen 1.2 width 1 font ",9" textcolor rgb ink maxrows 1

plot NaN with points pt 5 ps 1.2 lc rgb exit_colour title "hardware exit", \
	NaN with points pt 5 ps 1.2 lc rgb host_colour title "host: kvm_exit to kvm_entry", \
	NaN with points pt 5 ps 1.2 lc rgb entry_colour title "hardware entry", \
	NaN with points pt 12 ps 1.2 lw 1.4 lc rgb ink title "guest saw, traced", \
	"parts.dat" using ($2 / 2):1:(0):2:($1 - 0.3):($1 + 0.3) with boxxyerror \
		lc rgb exit_colour notitle, \
	"parts.dat" using (($2 + $3) / 2):1:2:3:($1 - 0.3):($1 + 0.3) with boxxyerror \
		lc rgb host_colour notitle, \
	"parts.dat" using (($3 + $4) / 2):1:3:4:($1 - 0.3):($1 + 0.3) with boxxyerror \
		lc rgb entry_colour notitle, \
	"parts.dat" using 5:1 with points pt 12 ps 1.5 lw 1.6 lc rgb ink notitle
