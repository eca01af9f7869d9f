import CBenchDNS
import Glibc
import HostSystem
import Household
import NameService
import Wire

let arguments = Array(CommandLine.arguments.dropFirst())
switch arguments.first {
case "echo": 
  bench_pin(0)
  exit(bench_echo(UInt16(arguments[1])!))
case "authority": exit(bench_authority(UInt16(arguments[1])!))
case "serve":
  if arguments.count > 4 { bench_pin(0) }
  let loop = try EventLoop()
  let d = try NameDaemon(folders: Folders(state: "/tmp/bd/state", run: "/tmp/bd/run"), loop: loop, log: Log(daemon: "names"), options: .init(port: UInt16(arguments[1])!, cores: Int(arguments[3])!))
  var m = HouseholdModel(domain: DomainName("home.arpa")!)
  m.names.upstreams = [SocketAddress(.v4(.loopback), port: UInt16(arguments[2])!)]
  d.onProblemsChanged = { print(d.problems) }
  d.apply(model: m, commit: 1, configurationFolder: "/tmp")
  try loop.handleSignals([SIGTERM, SIGINT]) { _ in d.stop(); exit(0) }
  try loop.run()
case "load":
  bench_pin(1)
  let count = 5000
  let queries = benchQueries(count)
  for once in [1, 0] {
  var result = bench_result()
  queries.withUnsafeBufferPointer { q in
    var load = bench_load(
      port: UInt16(arguments[1])!, queries: q.baseAddress!, query_count: UInt32(count),
      query_length: UInt32(q.count / count), sockets: 4, window: UInt32(arguments[2])!, rate: 0, milliseconds: 2000, once: Int32(once),
      any: arguments.count > 3 ? 1 : 0)
    _ = bench_run(&load, &result)
  }
  let s = Double(result.nanoseconds) / 1e9
  print("answers/s", Int(Double(result.answers) / s), "sent", result.sent, "answers", result.answers, "failures", result.failures)
  }
default: exit(64)
}
func benchQueries(_ count: Int) -> [UInt8] {
  var out: [UInt8] = []
  for i in 0..<count {
    let n = String(1_000_000 + i)
    out += [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 8] + Array(("h" + n).utf8) + [5] + Array("bench".utf8) + [7] + Array("example".utf8) + [0, 0, 1, 0, 1]
  }
  return out
}
