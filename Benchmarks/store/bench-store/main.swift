import Glibc
import HostSystem

/// The versioned store beside libgit2, stock Git and the disk itself.
///
/// usage: bench-store [commits] [peers] [reads] [merge] [wide] [growth]
///        bench-store eight     eight writers and nothing else, for a profiler
let arguments = Array(CommandLine.arguments.dropFirst())
do {
  switch arguments.first {
  case "read-ours" where arguments.count == 3: try ReadBenchmark.readOurs(arguments[1], Int(arguments[2]) ?? 0)
  case "read-libgit2" where arguments.count == 3: try ReadBenchmark.readLibgit2(arguments[1], Int(arguments[2]) ?? 0)
  case "eight": try CommitBenchmark(place: Workplace()).runEight()
  default:
    let place = try Workplace()
    let parts: [(name: String, run: () throws -> Void)] = [
      ("commits", { try CommitBenchmark(place: place).run() }),
      ("peers", { try CommitBenchmark(place: place).runPeers() }),
      ("reads", { try ReadBenchmark(place: place).run() }),
      ("merge", { try TreeBenchmark(place: place).runMerge() }),
      ("wide", { try TreeBenchmark(place: place).runWide() }),
      ("growth", { try GrowthBenchmark(place: place).run() }),
    ]
    for part in parts where arguments.isEmpty || arguments.contains(part.name) { try part.run() }
  }
} catch {
  print("bench-store: \(error)")
  exit(1)
}
