# SPDX-License-Identifier: GPL-2.0-only
# Where the time of an exit goes: hardware exit, host handling, hardware entry, one stacked bar per
# variant (medians), and what the guest itself saw of the same operations.

load "vars.gp"

columns = 9
do for [i = 1:rows] {
	columns = strlen(hw_exit[i]) > columns ? strlen(hw_exit[i]) : columns
	columns = strlen(handling[i]) > columns ? strlen(handling[i]) : columns
	columns = strlen(hw_entry[i]) > columns ? strlen(hw_entry[i]) : columns
	columns = strlen(saw[i]) > columns ? strlen(saw[i]) : columns
}
step = 7.6 * columns + 10
right_pixels = 14.0 + 4 * step + 8
load "style.gp"

exit_colour = 0x0072b2
host_colour = 0xe69f00
entry_colour = 0x009e73

set xrange [0:xmax]
set xlabel unit.", medians over the traced operations" font ",9" tc rgb grey offset 0,0.2
set xtics ()
do for [i = 0:int(xmax / xstep)] { set xtics add (grouped(i * xstep) i * xstep) }

exit_right = 1.0 - across(14 + 3 * step)
host_right = 1.0 - across(14 + 2 * step)
entry_right = 1.0 - across(14 + step)
saw_right = 1.0 - across(14)
set ytics ()
do for [i = 1:rows] {
	y = rows - i + 1
	set ytics add (name[i] y)
	set label hw_exit[i] at screen exit_right, first y right tc rgb ink
	set label handling[i] at screen host_right, first y right tc rgb ink
	set label hw_entry[i] at screen entry_right, first y right tc rgb ink
	set label saw[i] at screen saw_right, first y right tc rgb ink
}
set label "hw exit" at screen exit_right, screen heads right font ",9" tc rgb grey
set label "host" at screen host_right, screen heads right font ",9" tc rgb grey
set label "hw entry" at screen entry_right, screen heads right font ",9" tc rgb grey
set label "guest saw" at screen saw_right, screen heads right font ",9" tc rgb grey

array part_name[4]
part_name[1] = "hardware exit"; part_name[2] = "host, kvm_exit to kvm_entry"
part_name[3] = "hardware entry"; part_name[4] = "guest saw, traced"
array part_colour[4]
part_colour[1] = exit_colour; part_colour[2] = host_colour
part_colour[3] = entry_colour; part_colour[4] = ink
do for [i = 1:4] {
	set label "" at screen across(legend_x + 6), screen legend_y \
		point pt (i == 4 ? 12 : 5) ps 1.2 * mark lw 1.4 lc rgb part_colour[i]
	set label part_name[i] at screen across(legend_x + 16), screen legend_y left font ",9" \
		tc rgb ink
	legend_x = legend_x + legend_next(part_name[i])
}

plot "parts.dat" using ($2 / 2):1:(0):2:($1 - 0.3):($1 + 0.3) with boxxyerror \
		lc rgb exit_colour notitle, \
	"parts.dat" using (($2 + $3) / 2):1:2:3:($1 - 0.3):($1 + 0.3) with boxxyerror \
		lc rgb host_colour notitle, \
	"parts.dat" using (($3 + $4) / 2):1:3:4:($1 - 0.3):($1 + 0.3) with boxxyerror \
		lc rgb entry_colour notitle, \
	"parts.dat" using 5:1 with points pt 12 ps 1.5 * mark lw 1.6 lc rgb ink notitle
