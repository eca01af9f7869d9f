import HostSystem
import Household
import Wire

/// Takes the lines of all daemons, keeps them, but for passing ones, in the ring, and sends them to the household's syslog receiver.
final class LogKeeper {
  let ring: LogRing
  private var listener: DatagramListener?
  private var listenProblem: String?
  private var settings = LogSettings()
  private var host = "-"
  private var sender: DatagramSender?
  private var sendProblem: String?
  private var counts = Counts()

  /// Since the start.
  private struct Counts {
    var lines = 0
    var refused = 0
    var lost = 0
    var sent = 0
    var unsent = 0
  }

  /// - Parameter log: of this process, whose own lines may wait while it is busy.
  init(folders: Folders, loop: EventLoop, log: Log) {
    ring = LogRing(folder: folders.state(of: "control") + "/log")
    do {
      try File.makeFolder(File.folderName(of: folders.logSocket), mode: 0o750)
      // The group is the daemons' own.
      listener = try DatagramListener(
        path: folders.logSocket, mode: 0o660, limit: LogLine.byteLimit, loop: loop
      ) { [unowned self] received in
        take(received)
        log.flush()
      }
    } catch {
      listenProblem = "no log lines are taken: \(error)"
    }
    log.flush()
  }

  /// Everything that is wrong now, a sentence each.
  var problems: [String] { [listenProblem, ring.problem, sendProblem].compactMap(\.self) }

  /// Sends lines where the configuration says, from now on.
  ///
  /// - Parameter host: the router's full name, which each message carries.
  func apply(_ wanted: LogSettings, host: String) {
    self.host = host
    if wanted.remote != settings.remote || sender == nil {
      sendProblem = nil
      sender = nil
      do {
        sender = try wanted.remote.map { remote in try DatagramSender(to: .udp(remote)) }
      } catch {
        sendProblem = "log lines are not sent: \(error)"
      }
    }
    settings = wanted
  }

  private func take(_ received: DatagramListener.Received) {
    guard case .datagram(let bytes) = received, let line = LogLine(parsing: bytes) else {
      counts.refused += 1
      return
    }
    counts.lines += 1
    counts.lost += line.lost ?? 0
    if line.isPassing != true { ring.append(line) }
    if line.level >= settings.level { send(line) }
  }

  private func send(_ line: LogLine) {
    guard let sender else { return }
    do throws(SystemError) {
      try sender.send(Syslog.message(line, host: host))
      counts.sent += 1
      sendProblem = nil
    } catch {
      // Not logged: that line would have to be sent too.
      counts.unsent += 1
      sendProblem = "log lines are not sent: \(error)"
    }
  }

  var metrics: [String: MetricFact] {
    func counter(_ help: String, _ value: Int) -> MetricFact {
      MetricFact(type: "counter", help: help, value: Double(value))
    }
    return [
      "lares_log_lines_total": counter("Log lines taken.", counts.lines),
      "lares_log_refused_total": counter("Datagrams on the log's socket that were no log line.", counts.refused),
      "lares_log_lost_total": counter("Lines that daemons threw away because nobody took them.", counts.lost),
      "lares_log_sent_total": counter("Lines sent to the syslog receiver.", counts.sent),
      "lares_log_unsent_total": counter("Lines that could not be sent to the syslog receiver.", counts.unsent),
    ]
  }
}
