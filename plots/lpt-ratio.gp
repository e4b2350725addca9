# SPDX-License-Identifier: GPL-2.0-only
# The error that a coefficient of Live Physical Time leaves in the rate, against the ratio PV / native:
# a point per pair of frequencies, the limit its 64 bits set, and what that is in ten years.

load "vars.gp"

right_pixels = 96
load "style.gp"

ymin = exact_ppb / 4
ymax = 2e-6
set logscale xy
set xrange [1e-4:1e4]
set yrange [ymin:ymax]
set ytics scale 0.5
set ytics ("exact" exact_ppb, "1e-11" 1e-11, "1e-10" 1e-10, "1e-9" 1e-9, "1e-8" 1e-8, "1e-7" 1e-7, \
	"1e-6" 1e-6)
set xtics ("1/10 000" 1e-4, "1/1000" 1e-3, "1/100" 1e-2, "1/10" 1e-1, "1" 1, "10" 10, "100" 100, \
	"1000" 1e3, "10 000" 1e4)
set grid xtics ytics lc rgb faint lw 0.5 lt 1
set xlabel "PV frequency / native frequency" font ",9" tc rgb grey offset 0,0.2
set label "rate error, ppb" at screen across(14), screen heads font ",9" tc rgb grey

# ppb times seconds is ns
tail_right = 1.0 - across(14)
set label "in ten years" at screen tail_right, screen heads right font ",9" tc rgb grey
do for [e = -11:-6] {
	ppb = 10.0 ** e
	t = ppb * ten_years_s
	said = t < 1 ? sprintf("%.2g ns", t) : sprintf("%.3g ns", t)
	set label said at screen tail_right, first ppb right font ",9" tc rgb ink
}

# One integer bit below 1, floor(log2 r) + 1 from 1 on; the last bit is lost at most.
bits(r) = r < 1 ? 63 : 63 - floor(log(r) / log(2) + 1e-12)
limit(r) = 1e9 * 2.0 ** -bits(r) / r
set samples 2000
p57 = 1e9 * 2.0 ** -57
set arrow from graph 0, first p57 to graph 1, first p57 nohead lc rgb grey lw 1 dt 2
set label "2^-57" at graph 0.995, first p57 * 1.5 right font ",9" tc rgb grey

array part[4] = ["a pair of frequencies", "one of them beyond the structure's 32 bits", "no error", \
	"limit: the last bit of the coefficient"]
array part_colour[4] = [0x0072b2, 0xd55e00, 0x009e73, 0x777777]
do for [i = 1:4] {
	if (i < 4) {
		set label "" at screen across(legend_x + 6), screen legend_y point pt 7 ps 1.0 * mark \
			lc rgb int(part_colour[i])
	} else {
		set arrow from screen across(legend_x), screen legend_y to \
			screen across(legend_x + 12), screen legend_y nohead lc rgb grey lw 1.5
	}
	set label part[i] at screen across(legend_x + 16), screen legend_y left font ",9" tc rgb ink
	legend_x = legend_x + legend_next(part[i])
}
colour_of(k) = int(part_colour[int(k) + 1])

plot limit(x) with lines lc rgb grey lw 1.5 notitle, \
	"sweep.dat" using 1:2:(colour_of($3)) with points pt 7 ps 0.8 * mark lc rgb variable notitle
