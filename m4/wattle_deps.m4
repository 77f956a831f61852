# SPDX-License-Identifier: GPL-2.0-or-later
# WATTLE_CHECK_POWERCAP: libpowercap, which has a .pc file on some systems only.
AC_DEFUN([WATTLE_CHECK_POWERCAP], [
  have_powercap=no
  PKG_CHECK_MODULES([POWERCAP], [powercap], [have_powercap=yes], [
    AC_CHECK_HEADER([powercap/powercap-sysfs.h],
      [AC_CHECK_LIB([powercap], [powercap_sysfs_zone_get_energy_uj],
        [have_powercap=yes; POWERCAP_LIBS=-lpowercap; AC_SUBST([POWERCAP_LIBS])])])])
])

# WATTLE_CHECK_SLURM: headers, version and plugin directory. Slurm ships no .pc
# file on Debian; plugins load only into the exact version they were built for.
AC_DEFUN([WATTLE_CHECK_SLURM], [
  AC_ARG_WITH([slurm], [AS_HELP_STRING([--with-slurm@<:@=PREFIX@:>@], [Slurm installation prefix])],
    [], [with_slurm=yes])
  AC_ARG_WITH([slurm-plugindir], [AS_HELP_STRING([--with-slurm-plugindir=DIR], [where Slurm looks for plugins])],
    [slurm_plugindir=$withval], [slurm_plugindir=])
  AC_SUBST([SLURM_CPPFLAGS])
  AC_SUBST([slurm_plugindir])
  have_slurm=no
  slurm_summary="not found: no plugins"
  AS_CASE([$with_slurm], [yes|no], [], [SLURM_CPPFLAGS="-I$with_slurm/include"])
  AS_IF([test "x$with_slurm" != xno], [
    save_CPPFLAGS=$CPPFLAGS
    CPPFLAGS="$CPPFLAGS $SLURM_CPPFLAGS"
    AC_CHECK_HEADERS([slurm/spank.h], [have_slurm=yes])
    AS_IF([test $have_slurm = yes], [
      AC_COMPUTE_INT([slurm_version], [SLURM_VERSION_NUMBER], [[#include <slurm/slurm_version.h>]],
        [AC_MSG_ERROR([slurm/slurm_version.h does not give SLURM_VERSION_NUMBER])])
      slurm_summary=`printf '%02d.%02d.%d' $((slurm_version >> 16)) $(((slurm_version >> 8) & 255)) $((slurm_version & 255))`
    ])
    CPPFLAGS=$save_CPPFLAGS
  ])
  AS_CASE([$with_slurm], [yes|no], [slurm_prefix=/usr], [slurm_prefix=$with_slurm])
  slurm_bindir=$slurm_prefix/bin
  AC_SUBST([slurm_bindir])
  AS_IF([test -z "$slurm_plugindir"], [
    wattle_arch=`$CC -print-multiarch 2>/dev/null`
    for d in "$slurm_prefix/lib/$wattle_arch/slurm-wlm" "$slurm_prefix/lib64/slurm" "$slurm_prefix/lib/slurm"; do
      AS_IF([test -z "$slurm_plugindir" && test -d "$d"], [slurm_plugindir=$d])
    done
    AS_IF([test -z "$slurm_plugindir"], [
      AS_IF([test -n "$wattle_arch" && test -f /etc/debian_version],
        [slurm_plugindir="$slurm_prefix/lib/$wattle_arch/slurm-wlm"], [slurm_plugindir='${libdir}/slurm'])])
  ])
])
