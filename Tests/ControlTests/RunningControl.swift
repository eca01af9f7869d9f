import Control
import Glibc
import HostSystem
import Household
import TestSupport
import Testing

/// A control daemon that runs until the value goes.
final class RunningControl: @unchecked Sendable {
  static let text = """
    # The house.
    [household]
    domain = "home.arpa"

    [network.home]
    interfaces = ["lan0"]
    address = "192.168.77.1/24"

    [device.nas]
    hardware = ["02:00:00:00:00:10"]
    address = "192.168.77.10"

    """
  /// The executable of this build, beside the test program.
  static var program: String {
    var buffer = [CChar](repeating: 0, count: 4_096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") }
    let path = bundle ?? String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return File.folderName(of: path) + "/lares"
  }

  let folder: TemporaryFolder
  let client: ControlClient
  private var thread: pthread_t?
  private var stop: Int32 = -1

  /// The folder with lares.toml.
  var config: String { folder.path + "/config" }
  /// Control's own folder.
  var state: String { folder.folders.state(of: "control") }
  /// The repository with the configuration's history.
  var store: String { state + "/config.git" }

  private let pushes: HistoryPushSettings

  init(_ text: String = RunningControl.text, pushes: HistoryPushSettings = HistoryPushSettings()) throws {
    self.pushes = pushes
    folder = try TemporaryFolder()
    client = ControlClient(folders: folder.folders)
    for path in [config, folder.folders.state, folder.folders.run] { try File.makeFolder(path) }
    try edit(text)
    try start()
  }

  /// Writes lares.toml as a text editor does.
  func edit(_ text: String) throws {
    try File.replace(config + "/lares.toml", with: Array(text.utf8), durable: false)
  }

  func status() throws -> StatusReport { try client.get("/v1/status") }
  func history() throws -> [CommitSummary] { try client.get("/v1/configuration/history") }

  /// Commits a text, kept at once unless told otherwise.
  @discardableResult
  func commit(_ text: String, reason: String = "", window: Int = 0) throws -> ChangeReport {
    struct Request: Encodable {
      var reason: String
      var window: Int
    }
    try edit(text)
    return try client.send("POST", "/v1/configuration/commit", Request(reason: reason, window: window))
  }

  func start() throws {
    // No child of control holds its end open.
    let pipe = try Pipe()
    let reading = try systemCall("making a pipe") { fcntl(pipe.reading.number, F_DUPFD_CLOEXEC, 0) }
    stop = try systemCall("making a pipe") { fcntl(pipe.writing.number, F_DUPFD_CLOEXEC, 0) }
    unlink(folder.folders.controlSocket)
    let job = Job(folders: folder.folders, config: config, pushes: pushes, stop: reading)
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { pointer in
        Unmanaged<Job>.fromOpaque(pointer!).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(job).toOpaque())
    self.thread = thread
    #expect(eventually { (try? status()) != nil }, "control answers")
  }

  /// Ends the daemon, as a signal would.
  func end() {
    guard let thread else { return }
    self.thread = nil
    close(stop)
    pthread_join(thread, nil)
  }

  deinit { end() }
}

private final class Job: Sendable {
  let folders: Folders
  let config: String
  let pushes: HistoryPushSettings
  let stop: Int32

  init(folders: Folders, config: String, pushes: HistoryPushSettings, stop: Int32) {
    self.folders = folders
    self.config = config
    self.pushes = pushes
    self.stop = stop
  }

  func run() {
    do {
      let loop = try EventLoop()
      let control = try ControlDaemon(
        folders: folders, configurationFolder: config, ownerUser: geteuid(), loop: loop,
        log: Log(daemon: "control", minimum: .error), sessionProgram: RunningControl.program,
        historyPushes: pushes)
      try loop.watch(stop) { _ in loop.stop() }
      try loop.run()
      withExtendedLifetime(control) {}
    } catch {
      Issue.record("\(error)")
    }
    close(stop)
  }
}
