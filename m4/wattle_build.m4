# SPDX-License-Identifier: GPL-2.0-or-later
# WATTLE_HARDENING: warnings and hardening that every object gets.
AC_DEFUN([WATTLE_HARDENING], [
  AC_SUBST([WATTLE_CFLAGS])
  AC_SUBST([WATTLE_LDFLAGS])
  WATTLE_CFLAGS="-std=gnu11 -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wno-format-truncation -Wstrict-prototypes -Wmissing-prototypes -Wvla -fvisibility=hidden -fstack-protector-strong -fno-strict-overflow"
  WATTLE_LDFLAGS="-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack"
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [warnings are errors (for CI)])])
  AS_IF([test "x$enable_werror" = xyes], [WATTLE_CFLAGS="$WATTLE_CFLAGS -Werror"])
])

# WATTLE_BUILD_MODES: sanitizers, coverage, fuzzing, fault points.
AC_DEFUN([WATTLE_BUILD_MODES], [
  wattle_modes=
  AC_ARG_ENABLE([sanitizers], [AS_HELP_STRING([--enable-sanitizers], [build with ASan and UBSan])])
  AC_ARG_ENABLE([coverage], [AS_HELP_STRING([--enable-coverage], [build with gcov counters])])
  AC_ARG_ENABLE([fuzzing], [AS_HELP_STRING([--enable-fuzzing], [build the libFuzzer harnesses (needs clang)])])
  AC_ARG_ENABLE([fault-points], [AS_HELP_STRING([--enable-fault-points],
    [build with points at which a test may kill the process; never for production])])
  # ASan's runtime is a shared library.
  AC_SUBST([STATIC_LDFLAGS], [-all-static])
  AS_IF([test "x$enable_sanitizers" = xyes], [
    STATIC_LDFLAGS=
    WATTLE_CFLAGS="$WATTLE_CFLAGS -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g"
    WATTLE_LDFLAGS="$WATTLE_LDFLAGS -fsanitize=address,undefined"
    wattle_modes="$wattle_modes sanitizers"],
    # _FORTIFY_SOURCE hides reads from ASan's interceptors, and lazy binding is
    # what lets one plugin load in several Slurm programs.
    [AS_CASE([" $CFLAGS $CPPFLAGS "], [*_FORTIFY_SOURCE*], [],
       [*" -O0 "*], [], [WATTLE_CFLAGS="$WATTLE_CFLAGS -D_FORTIFY_SOURCE=2"])])
  AS_IF([test "x$enable_coverage" = xyes], [
    WATTLE_CFLAGS="$WATTLE_CFLAGS --coverage -O0 -U_FORTIFY_SOURCE"
    WATTLE_LDFLAGS="$WATTLE_LDFLAGS --coverage"
    wattle_modes="$wattle_modes coverage"])
  AS_IF([test "x$enable_fuzzing" = xyes], [wattle_modes="$wattle_modes fuzzing"])
  AS_IF([test "x$enable_fault_points" = xyes], [
    AC_DEFINE([WATTLE_FAULT_POINTS], [1], [a test may kill the process at named points])
    wattle_modes="$wattle_modes fault-points"])
  AM_CONDITIONAL([FUZZING], [test "x$enable_fuzzing" = xyes])
  wattle_modes=${wattle_modes:- none}
])

# WATTLE_COMPONENT(name, description, possible): --disable-NAME, BUILD_NAME.
AC_DEFUN([WATTLE_COMPONENT], [
  AC_ARG_ENABLE([$1], [AS_HELP_STRING([--disable-$1], [do not build the $2])])
  AS_IF([test "x$enable_$1" = xno], [build_$1="no (disabled)"],
        [test "x$3" = xyes], [build_$1=yes],
        [test "x$enable_$1" = xyes], [AC_MSG_ERROR([the $2 was asked for and what it needs is missing])],
        [build_$1="no (missing libraries or headers)"])
  AM_CONDITIONAL(m4_toupper([BUILD_$1]), [test "$build_$1" = yes])
])
