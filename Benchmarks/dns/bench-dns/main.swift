import CBenchDNS
import Glibc
import NameService

let arguments = Array(CommandLine.arguments.dropFirst())
switch arguments.first {
case "echo": 
  bench_pin(0)
  exit(bench_echo(UInt16(arguments[1])!))
case "authority": exit(bench_authority(UInt16(arguments[1])!))
case "hits":
  bench_pin(0)
  hitServer(port: UInt16(arguments[1])!, names: Int(arguments[2])!)
case "load":
  bench_pin(1)
  let count = 5000
  let queries = benchQueries(count)
  var result = bench_result()
  queries.withUnsafeBufferPointer { q in
    var load = bench_load(
      port: UInt16(arguments[1])!, queries: q.baseAddress!, query_count: UInt32(count),
      query_length: UInt32(q.count / count), sockets: 4, window: UInt32(arguments[2])!, rate: 0, milliseconds: 2000, once: 0,
      any: arguments.count > 3 ? 1 : 0)
    _ = bench_run(&load, &result)
  }
  let s = Double(result.nanoseconds) / 1e9
  print("answers/s", Int(Double(result.answers) / s), "sent", result.sent, "answers", result.answers, "failures", result.failures)
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
