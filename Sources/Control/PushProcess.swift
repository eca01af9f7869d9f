import Glibc
import HostSystem

/// A push in a process of its own, until it has ended. It is killed when its time is over, or when this value goes.
final class PushProcess {
  private let process: ChildProcess
  private let output: Descriptor
  private let loop: EventLoop
  private let limitMilliseconds: Int64
  private let onEnd: (HistoryPushOutcome) -> Void
  private var received: [UInt8] = []
  private var watch: EventLoop.Watch?
  private var timer: EventLoop.Timer?
  private var hasEnded = false
  private var isLate = false

  private static let outputLimit = 65_536

  /// - Parameters:
  ///   - input: what the process reads from its standard input; small enough for a pipe.
  ///   - onEnd: called once, when the process is no more.
  init(
    _ arguments: [String], input: [UInt8], limitMilliseconds: Int64, loop: EventLoop,
    onEnd: @escaping (HistoryPushOutcome) -> Void
  ) throws(SystemError) {
    self.loop = loop
    self.limitMilliseconds = limitMilliseconds
    self.onEnd = onEnd
    let words = try Pipe()
    let answer = try Pipe()
    // Before the process starts: nothing waits for a reader.
    try words.writing.writeAll(input, to: "the push")
    process = try ChildProcess(arguments, descriptors: [words.reading.number, answer.writing.number, nil])
    output = answer.keepingReading()
    watch = try loop.watch(output.number) { [unowned self] _ in read() }
    timer = loop.schedule(afterMilliseconds: limitMilliseconds) { [unowned self] in
      isLate = true
      kill()
    }
  }

  deinit {
    watch?.cancel()
    timer?.cancel()
    kill()
    if !hasEnded { _ = try? process.poll() }
  }

  /// Ends the process. `onEnd` is called as for any other end.
  func kill() { if !hasEnded { process.send(SIGKILL) } }

  private func read() {
    var piece = [UInt8](repeating: 0, count: 4_096)
    let count = Glibc.read(output.number, &piece, piece.count)
    guard count > 0 else {
      watch?.cancel()
      return reap()
    }
    received += piece[..<count]
    if received.count > Self.outputLimit { kill() }
  }

  /// A process that has closed its output has ended, or is about to.
  private func reap() {
    guard let ending = try? process.poll() else {
      loop.schedule(afterMilliseconds: 50) { [weak self] in self?.reap() }
      return
    }
    hasEnded = true
    timer?.cancel()
    onEnd(outcome(ending))
  }

  private func outcome(_ ending: ChildProcess.Ending) -> HistoryPushOutcome {
    if isLate { return .failed("the push was not done after \(limitMilliseconds / 1_000) s") }
    if ending == .exited(0), let outcome = try? JSON.decode(HistoryPushOutcome.self, from: received) { return outcome }
    return .failed("the push ended without an answer (\(ending))")
  }
}
