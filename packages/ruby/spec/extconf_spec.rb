# frozen_string_literal: true

require "fileutils"
require "open3"
require "rbconfig"
require "rubygems/package"
require "tmpdir"

# What `gem install` of the source gem does before Cargo runs. `test-ruby-source` lets Cargo run.
RSpec.describe "the source gem" do
  root = File.expand_path("../../..", __dir__)

  # What extconf.rb says and writes into its folder.
  def configured(root, environment = {}, *options)
    Dir.mktmpdir do |folder|
      FileUtils.cp(File.join(root, "crates/spikard-rb/extconf.rb"), folder)
      said, status = Open3.capture2e(environment, RbConfig.ruby, *options, "extconf.rb", chdir: folder)
      made = File.join(folder, "Makefile")
      yield said, status, (File.read(made) if File.exist?(made))
    end
  end

  it "is built by Cargo through rules of its own" do
    configured(root, { "SPIKARD_PROFILE" => "fast", "CARGO_TARGET_DIR" => nil }) do |said, status, makefile|
      expect(status).to be_success, said
      expect(makefile).to match(/cargo build --manifest-path Cargo.toml --profile fast$/)
      expect(makefile).to match(%r{install: all\n\t.*\n\t\$\(INSTALL_PROG\) spikard_rb\.so \$\(sitearchdir\)/spikard\n\t\$\(RM_RF\) /})
    end
    configured(root, { "CARGO_TARGET_DIR" => "/kept" }) do |_, _, makefile|
      expect(makefile).to include("--profile release").and include("/kept/release/")
      expect(makefile).not_to include("RM_RF) /kept")
    end
  end

  it "is built by rb_sys where that is installed" do
    Dir.mktmpdir do |folder|
      FileUtils.mkdir(File.join(folder, "rb_sys"))
      # The one method of rb_sys that is used, with the arguments that its documentation gives it.
      File.write(File.join(folder, "rb_sys/mkmf.rb"), <<~RUBY)
        def create_rust_makefile(target)
          yield made = Struct.new(:profile).new(:dev)
          File.write("Makefile", "rb_sys \#{target} \#{made.profile}")
        end
      RUBY
      configured(root, {}, "-I", folder) { |_, _, makefile| expect(makefile).to eq("rb_sys spikard/spikard_rb release") }
    end
  end

  it "says what is missing" do
    configured(root, { "PATH" => "/nowhere" }) do |said, status, makefile|
      expect([status.success?, makefile]).to eq([false, nil])
      expect(said).to include("cargo was not found; install Rust")
    end
  end

  it "holds the crates and nothing that was built" do
    gem = Dir[File.join(root, "dist/spikard-*.gem")].find { |path| path.match?(/spikard-[\d.]+\.gem\z/) }
    spec = Gem::Package.new(gem).spec

    expect([spec.platform, spec.extensions]).to eq(["ruby", ["crates/spikard-rb/extconf.rb"]])
    expect(spec.files).to include("Cargo.toml", "Cargo.lock", "crates/spikard-rb/src/lib.rs", "crates/spikard/src/lib.rs", "lib/spikard.rb")
    expect(spec.files.grep(/\.so\z|\btarget\b|libexec/)).to eq([])
  end
end
