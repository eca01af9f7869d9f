import Firewall
import Glibc
import HostSystem
import TestSupport
import Wire

/// `bench-firewall`: 500 rules and a list of 100,000 addresses from nothing, and one address of the list changed, by our manager and by libnftables
/// in the same long-lived process, each in a network namespace of its own.
///
/// Ours is the whole way: settings to rules, one transaction, and reading back all but the long list's elements (docs/firewall.md). The peer's is
/// one command of text, prepared before the clock starts, and is not read back.
@main struct Bench {
  static func main() throws {
    let arguments = CommandLine.arguments
    if arguments.count == 1 { return try run() }
    guard arguments.count == 4, arguments[1] == "once" else {
      print("usage: bench-firewall")
      exit(64)
    }
    let ours = try Ours(Home.large)
    try Traced.runOnce(arguments[2] == "ours" ? ours : Peer(ours.text), arguments[3])
  }

  private static func run() throws {
    pin()
    let ours = try Ours(Home.large)
    let peer = try Peer(ours.text)
    print("rules: \(ours.ruleCount), addresses in the list: \(Home.listCount)")
    guard try ours.listing == peer.listing else {
      print("the two rulesets differ: no comparison")
      exit(1)
    }
    let scratch = try measure("from-scratch", rounds: 7, warmUps: 1, ours, peer)
    let element = try measure("one-element", rounds: 3_000, warmUps: 100, ours, peer)
    for what in ["from-scratch", "one-element"] {
      for contestant in ["ours", "peer"] { print(Traced.describe(contestant, what)) }
    }
    print(scratch)
    print(element)
  }

  /// Medians of interleaved runs; which of the two begins changes every time.
  private static func measure(
    _ what: String, rounds: Int, warmUps: Int, _ ours: any Contestant, _ peer: any Contestant
  ) throws -> String {
    var times: [[Int64]] = [[], []]
    for round in 0..<warmUps + rounds {
      for turn in 0..<2 {
        let index = (round + turn) % 2
        let contestant = index == 0 ? ours : peer
        try contestant.prepare(what)
        let start = Clock.now
        try contestant.perform(what)
        let time = Clock.now.nanoseconds - start.nanoseconds
        if round >= warmUps { times[index].append(time) }
      }
    }
    let medians = times.map { $0.sorted()[$0.count / 2] }
    let unit: (name: String, size: Double) = medians[1] > 2_000_000 ? ("ms", 1e6) : ("us", 1e3)
    let texts = medians.map { "\(rounded(Double($0) / unit.size, digits: 1)) \(unit.name)" }
    return
      "ratio \(what) \(rounded(Double(medians[1]) / Double(medians[0]), digits: 2)) (ours \(texts[0]), peer \(texts[1]))"
  }

  private static func rounded(_ value: Double, digits: Int) -> String {
    let scale = digits == 2 ? 100.0 : 10.0
    return "\((value * scale).rounded() / scale)"
  }

  /// Begins anew on one core, so that the scheduler does not decide: taskset(1) runs this program again.
  private static func pin() {
    let mark = "LARES_BENCH_PINNED"
    guard getenv(mark) == nil, let program = Traced.program else { return }
    setenv(mark, "1", 1)
    let core = max(0, sysconf(Int32(_SC_NPROCESSORS_ONLN)) - 1)
    let words = ["taskset", "-c", "\(core)", program]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    execvp("taskset", &arguments)
    print("not pinned to a core: taskset is not there")
  }
}

/// One of the two that are compared.
protocol Contestant {
  /// Brings the kernel to where the work begins. Not timed.
  func prepare(_ what: String) throws
  func perform(_ what: String) throws
}
