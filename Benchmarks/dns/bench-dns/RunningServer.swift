import CBenchDNS
import Glibc
import HostSystem

/// A server under way, and what the kernel counts for it.
final class RunningServer {
  let contestant: Contestant
  let port: UInt16
  private let process: ChildProcess

  /// - Parameter core: where it runs, alone.
  init(_ plan: ServerPlan, core: Int) throws {
    contestant = plan.contestant
    port = plan.port
    let command = try plan.prepare()
    process = try ChildProcess([plan.executable, "pinned", "\(core)"] + command)
  }

  deinit {
    process.send(SIGKILL)
    _ = try? process.wait()
  }

  var isRunning: Bool { (try? process.poll()) == .some(nil) }

  /// Processor time of all its threads in nanoseconds.
  var processorTime: Int64 {
    let folder = "/proc/\(process.identifier)/task"
    return File.list(folder).reduce(0) { sum, thread in
      sum + (text("\(folder)/\(thread)/schedstat").split(separator: " ").first.flatMap { Int64($0) } ?? 0)
    }
  }

  /// Its user-mode part in seconds, to a hundredth.
  var userTime: Double {
    let fields = text("/proc/\(process.identifier)/stat").split(separator: ")").last?.split(separator: " ") ?? []
    return fields.count > 11 ? (Double(fields[11]) ?? 0) / Double(sysconf(Int32(_SC_CLK_TCK))) : 0
  }

  /// Memory of its own in octets: resident, not backed by a file.
  var memory: Double {
    let line = text("/proc/\(process.identifier)/status").split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0) * 1024
  }

  private func text(_ path: String) -> String {
    String(decoding: (try? File.read(path)) ?? [], as: UTF8.self)
  }
}
