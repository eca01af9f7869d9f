import CBenchDNS
import Glibc
import HostSystem

/// The whole comparison.
struct Benchmark {
  let executable: String
  private let questions = QuestionSet(count: 5_000)
  private let rounds = 5
  /// More than rounds: a hundredth of the answers is at the mercy of whatever else the machine does.
  private let latencyRounds = 15
  private let runMilliseconds: Int64 = 1_500
  /// A run in which the server's core was less busy says more about the load than about the server.
  private let busyShare = 0.97
  private let upstreamPort: UInt16 = 15_353
  private let blockedCount = 1_000_000

  init(executable: String) { self.executable = executable }

  /// One contestant's runs.
  private struct Score {
    var rates: [Double] = []
    var voidRuns = 0
    /// Answers per second of processor time in runs that were void: what is left to say of them.
    var voidRates: [Double] = []
    var answers: Double = 0
    var userSeconds: Double = 0
    var medianLatency: [Double] = []
    var p99: [Double] = []
    var userPerAnswer: Double { userSeconds / answers }
  }

  /// Prints everything; false where a figure could not be had.
  func run() -> Bool {
    do {
      // Without the right to it the machine's loopback has to do; then nothing else may use the ports.
      if bench_own_network() != 0 { say("no network namespace of our own: using the machine's loopback") }
      let folder = "/tmp/lares-bench-dns-\(getpid())"
      defer { _ = try? runCommand(["rm", "-rf", folder]) }
      let upstream = try ChildProcess([executable, "authority", "\(upstreamPort)"])
      defer {
        upstream.send(SIGKILL)
        _ = try? upstream.wait()
      }
      bench_pin(1)
      let hasSpeed = try measureSpeed(folder)
      let hasMemory = try measureMemory(folder)
      return hasSpeed && hasMemory
    } catch {
      say("bench-dns: \(error)")
      return false
    }
  }

  private func plan(_ contestant: Contestant, _ folder: String, port: UInt16) -> ServerPlan {
    ServerPlan(
      contestant: contestant, port: port, upstream: upstreamPort, folder: "\(folder)/\(contestant.rawValue)",
      executable: executable)
  }

  // MARK: Speed

  private func measureSpeed(_ folder: String) throws -> Bool {
    var servers: [RunningServer] = []
    for (index, contestant) in Contestant.allCases.enumerated() {
      guard contestant.isInstalled else {
        say("\(contestant.rawValue) is not installed: left out")
        continue
      }
      let server = try RunningServer(plan(contestant, folder, port: 15_400 + UInt16(index)), core: 0)
      if fill(server) { servers.append(server) } else { say("\(contestant.rawValue) does not answer: left out") }
    }
    var scores: [Contestant: Score] = [:]
    for _ in 0..<rounds {
      for server in servers { saturate(server, &scores[server.contestant, default: Score()]) }
    }
    let slowest = scores.values.compactMap { median($0.rates) }.min() ?? 0
    for _ in 0..<latencyRounds {
      for server in servers where server.contestant != .echo {
        let result = questions.load(server.port, .pace(rate: UInt32(slowest / 2), milliseconds: 1_000))
        scores[server.contestant, default: Score()].medianLatency.append(Double(result.median_latency) / 1_000)
        scores[server.contestant, default: Score()].p99.append(Double(result.p99_latency) / 1_000)
      }
    }
    return report(scores)
  }

  /// Fills a server's cache: every answer must have come twice, the second time without a failure.
  private func fill(_ server: RunningServer) -> Bool {
    let isEcho = server.contestant == .echo
    for _ in 0..<40 where server.isRunning {
      let result = questions.load(server.port, .fill, acceptsEchoes: isEcho)
      if result.answers >= UInt64(questions.count), result.failures == 0 { return true }
      usleep(250_000)
    }
    return false
  }

  private func saturate(_ server: RunningServer, _ score: inout Score) {
    for _ in 0..<3 {
      let (time, user) = (server.processorTime, server.userTime)
      let result = questions.load(
        server.port, .saturate(milliseconds: runMilliseconds), acceptsEchoes: server.contestant == .echo)
      let busy = Double(server.processorTime - time) / Double(result.nanoseconds)
      guard busy >= busyShare, result.failures == 0 else {
        score.voidRuns += 1
        if busy > 0.05 { score.voidRates.append(Double(result.answers) / Double(result.nanoseconds) * 1e9 / busy) }
        continue
      }
      score.rates.append(Double(result.answers) / Double(result.nanoseconds) * 1e9)
      score.answers += Double(result.answers)
      score.userSeconds += server.userTime - user
      return
    }
  }

  private func report(_ scores: [Contestant: Score]) -> Bool {
    for contestant in Contestant.allCases {
      guard let score = scores[contestant] else { continue }
      guard let rate = median(score.rates) else {
        let perProcessorSecond = (median(score.voidRates) ?? 0) / 1_000
        say(
          "\(contestant.rawValue): every run was void, its core was less than 97 percent busy "
            + "(\(format(perProcessorSecond, digits: 1)) k answers per second of processor time)")
        continue
      }
      let user = format(score.userPerAnswer * 1e9, digits: 0)
      let latency =
        median(score.p99).map {
          ", latency \(format(median(score.medianLatency) ?? 0, digits: 1)) us, p99 \(format($0, digits: 1)) us"
        } ?? ""
      say(
        "\(contestant.rawValue): \(format(rate / 1_000, digits: 1)) k answers/s, \(user) ns user each\(latency)"
          + (score.voidRuns > 0 ? ", \(score.voidRuns) void runs repeated" : ""))
    }
    guard let ours = scores[.lares], let rate = median(ours.rates),
      let echo = scores[.echo].flatMap({ median($0.rates) }), let ourLatency = median(ours.p99)
    else { return false }
    let peers = Contestant.peers.compactMap { scores[$0] }.filter { !$0.rates.isEmpty }
    guard let best = peers.compactMap({ median($0.rates) }).max(),
      let leanest = peers.map(\.userPerAnswer).min(), let quickest = peers.compactMap({ median($0.p99) }).min()
    else { return false }
    ratio("cache-hits", rate / best, ours: rate / 1_000, peer: best / 1_000, unit: "k answers/s")
    ratio("cache-hits-echo", rate / echo, ours: rate / 1_000, peer: echo / 1_000, unit: "k answers/s")
    // A hundredth of a second of user time is the least that the kernel tells.
    let user = max(ours.userSeconds, 0.01) / ours.answers
    ratio("user-cpu", leanest / user, ours: user * 1e9, peer: leanest * 1e9, unit: "ns")
    ratio("latency-p99", quickest / ourLatency, ours: ourLatency, peer: quickest, unit: "us")
    return true
  }

  // MARK: Memory

  /// What a million blocked names cost each server beside what it takes without them.
  private func measureMemory(_ folder: String) throws -> Bool {
    var sizes: [Contestant: Double] = [:]
    for (index, contestant) in ([.lares] + Contestant.peers).enumerated() where contestant.isInstalled {
      var plan = plan(contestant, folder + "/blocked", port: 15_500 + UInt16(index))
      let empty = try RunningServer(plan, core: 0)
      guard waitForAnswer(empty) else { continue }
      let before = empty.memory
      plan = ServerPlan(
        contestant: contestant, port: plan.port + 20, upstream: upstreamPort, folder: plan.folder + "-full",
        executable: executable, blocked: BlockedNames(count: blockedCount))
      let full = try RunningServer(plan, core: 0)
      guard waitForAnswer(full) else {
        say("\(contestant.rawValue): did not come up with \(blockedCount) blocked names")
        continue
      }
      sizes[contestant] = full.memory
      let megabytes = { (octets: Double) in format(octets / 1e6, digits: 1) }
      say("\(contestant.rawValue): \(megabytes(full.memory)) MB with, \(megabytes(before)) MB without blocked names")
    }
    guard let ours = sizes[.lares], let best = Contestant.peers.compactMap({ sizes[$0] }).min() else { return false }
    ratio("blocked-memory", best / ours, ours: ours / 1e6, peer: best / 1e6, unit: "MB")
    return true
  }

  private func waitForAnswer(_ server: RunningServer) -> Bool {
    let probe = QuestionSet(count: 1, prefix: "p")
    for _ in 0..<240 where server.isRunning {
      if probe.load(server.port, .saturate(milliseconds: 5)).answers > 0 { return true }
      usleep(250_000)
    }
    return false
  }

  // MARK: Numbers

  private func median(_ values: [Double]) -> Double? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  private func ratio(_ name: String, _ value: Double, ours: Double, peer: Double, unit: String) {
    say(
      "ratio \(name) \(format(value, digits: 2)) "
        + "(ours \(format(ours, digits: 1)) \(unit), peer \(format(peer, digits: 1)) \(unit))")
  }

  private func format(_ value: Double, digits: Int) -> String {
    let scale = (0..<digits).reduce(1.0) { factor, _ in factor * 10 }
    let whole = Int64((value * scale).rounded())
    guard digits > 0 else { return "\(whole)" }
    let fraction = "\(abs(whole) % Int64(scale))"
    return "\(whole / Int64(scale)).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
  }
}

/// Prints a line at once, also into a pipe.
func say(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = write(STDOUT_FILENO, bytes, bytes.count)
}
