// bench-dns: answers from the cache per second, their cost, their latency, and the memory of blocklists, ours beside the
// peers' and beside a server that only moves datagrams.
//
//   core 0: the server that is measured          core 1: the load, and the upstream while caches are filled
//
// In a network namespace with nothing but loopback. Every server gets the same names from the same upstream, and every figure is the median of runs that
// take turns.
import CBenchDNS
import Glibc
import HostSystem
import Household
import NameService
import Wire

let arguments = CommandLine.arguments
let benchmark = Benchmark(executable: "/proc/self/exe")
switch arguments.dropFirst().first {
case nil: exit(benchmark.run() ? 0 : 1)
case "echo": exit(bench_echo(port(2)))
case "authority":
  bench_die_with_parent()
  exit(bench_authority(port(2)))
case "serve":
  exit(serve(port: port(2), upstream: port(3), folder: arguments[4], blocklist: arguments.dropFirst(5).first))
case "pinned":
  bench_die_with_parent()
  bench_pin(Int32(arguments[2]) ?? 0)
  var command = arguments[3...].map { strdup($0) } + [nil]
  execvp(arguments[3], &command)
  exit(127)
default:
  say("usage: bench-dns")
  exit(64)
}

func port(_ index: Int) -> UInt16 { UInt16(arguments[index]) ?? 0 }

/// Our name service with one core, as `lares serve names` runs it.
func serve(port: UInt16, upstream: UInt16, folder: String, blocklist: String?) -> Int32 {
  do {
    let loop = try EventLoop()
    let daemon = try NameDaemon(
      folders: Folders(state: folder + "/state", run: folder + "/run"), loop: loop,
      log: Log(daemon: "names", minimum: .warning), options: NameDaemon.Options(port: port, cores: 1))
    var model = HouseholdModel(domain: DomainName("home.arpa") ?? .root)
    model.names.upstreams = [SocketAddress(.v4(.loopback), port: upstream)]
    model.names.blocklists = blocklist.map { [$0] } ?? []
    // Clients on loopback are asked of no blocklist; the table is there nevertheless.
    daemon.apply(model: model, commit: 1, configurationFolder: folder)
    try loop.run()
  } catch {
    say("bench-dns: \(error)")
  }
  return 1
}
