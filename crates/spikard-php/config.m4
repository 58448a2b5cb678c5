dnl For `phpize && ./configure && make` in the source archive: Cargo builds, make copies. Needs Rust and a C compiler.

PHP_ARG_ENABLE([spikard],
  [whether to enable Spikard],
  [AS_HELP_STRING([--enable-spikard], [Enable Spikard])],
  [yes])

if test "$PHP_SPIKARD" != "no"; then
  AC_PATH_PROG([CARGO], [cargo], [no])
  if test "$CARGO" = "no"; then
    AC_MSG_ERROR([cargo was not found; install Rust (rustup.rs), or add cargo to PATH])
  fi
  SPIKARD_PROFILE="${SPIKARD_PROFILE:-release}"
  SPIKARD_PHP_CONFIG="$PHP_CONFIG"
  PHP_SUBST([CARGO])
  PHP_SUBST([SPIKARD_PROFILE])
  PHP_SUBST([SPIKARD_PHP_CONFIG])
  PHP_MODULES="$PHP_MODULES \$(phplibdir)/spikard.so"
  spikard_folder=`cd "$srcdir" && pwd`
  PHP_ADD_MAKEFILE_FRAGMENT([$spikard_folder/Makefile.frag], [$spikard_folder], [$spikard_folder])
fi
