# frozen_string_literal: true

# For `gem install` of the source gem: writes the Makefile by which Cargo builds the extension module. With the gem rb_sys
# that is what rb_sys writes; without it, the rules below. `SPIKARD_PROFILE` names another of Cargo's profiles than `release`.

require "mkmf"

def cargo
  find_executable("cargo") or abort "cargo was not found; install Rust (rustup.rs), or add cargo to PATH. Spikard's core is written in Rust."
end

# Which Ruby it is built for, where PATH has another: a crate that reads Ruby's headers is compiled again when this changes.
def interpreter
  found = find_executable("ruby")
  "RUBY=#{RbConfig.ruby} " unless found && File.realpath(found) == File.realpath(RbConfig.ruby)
end

def rules(profile)
  own = ENV["CARGO_TARGET_DIR"]
  folder = own || File.expand_path("target")
  <<~MAKE
    #{configuration(".").join}
    .PHONY: all install clean

    all:
    \t#{interpreter}CARGO_TARGET_DIR=#{folder} #{cargo} build --manifest-path Cargo.toml --profile #{profile}
    \t$(COPY) #{folder}/#{profile == "dev" ? "debug" : profile}/libspikard_rb.#{RbConfig::CONFIG["SOEXT"]} spikard_rb.#{RbConfig::CONFIG["DLEXT"]}

    install: all
    \t$(MAKEDIRS) $(sitearchdir)/spikard
    \t$(INSTALL_PROG) spikard_rb.#{RbConfig::CONFIG["DLEXT"]} $(sitearchdir)/spikard
    #{"\t$(RM_RF) #{folder}" unless own}

    clean:
    \t$(RM) spikard_rb.#{RbConfig::CONFIG["DLEXT"]}
  MAKE
end

profile = ENV.fetch("SPIKARD_PROFILE", "release")
begin
  require "rb_sys/mkmf"
rescue LoadError
  File.write("Makefile", rules(profile))
else
  create_rust_makefile("spikard/spikard_rb") { |made| made.profile = profile.to_sym }
end
