# Unpacks Debian's newest Rust with the standard libraries of amd64 and arm64 into the folder $1, and links it as rustup's toolchain $2.
# Nothing else of the system changes but for the libraries that it needs.
set -euo pipefail
folder=$1 name=$2
export DEBIAN_FRONTEND=noninteractive
apt="apt-get -qq -o DPkg::Lock::Timeout=600 -o APT::Sandbox::User=root"
$apt update
version=$(apt-cache madison rustc-web | awk -F'|' 'NR == 1 { gsub(/ /, "", $2); print $2 }')
[ -n "$version" ] || { echo "this system has no package rustc-web" >&2; exit 1; }
minor=${version%%+*} minor=${minor%.*}
llvm=$(apt-cache show "libstd-rust-web-$minor=$version" | sed -n 's/^Depends:.*\(libllvm[0-9]*\).*/\1/p')
$apt install -y --no-install-recommends libgit2-1.5 libssh2-1 $llvm >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
$apt download "rustc-web=$version" "cargo-web=$version" "libstd-rust-web-$minor=$version" "libstd-rust-web-dev=$version"
# The lists of the other architecture, apart from the system's.
mkdir -p lists/partial cache/archives/partial
arm="$apt -o Dir::State::lists=$work/lists -o Dir::Cache=$work/cache -o APT::Architecture=arm64 -o APT::Architectures::=arm64"
$arm update
$arm download "libstd-rust-web-dev=$version"
mkdir -p "$folder"
for package in *.deb; do dpkg -x "$package" "$folder"; done
# The compiler looks for its library beside itself.
ln -sf "x86_64-linux-gnu/$(cd "$folder/usr/lib/x86_64-linux-gnu" && ls librustc_driver-*.so)" "$folder/usr/lib/"
rustup toolchain link "$name" "$folder/usr"
