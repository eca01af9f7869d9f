import Glibc
public import HostSystem
import Wire

extension Lab {
  /// The configuration that the lab's router starts with.
  public static let configuration = """
    [household]
    domain = "home.arpa"

    [uplink.wan]
    interface = "wan0"
    method = "dhcp"

    [network.home]
    interfaces = ["lan0", "lan2"]
    address = ["192.168.77.1/24", "fd00:77::1/64"]
    dhcp = { pool = "192.168.77.100-192.168.77.199", lease = "12h" }

    [network.guest]
    interfaces = ["lan1"]
    address = ["192.168.78.1/24", "fd00:78::1/64"]
    isolated = true
    dhcp = { pool = "192.168.78.100-192.168.78.199", lease = "1h" }

    [device.laptop]
    hardware = ["02:00:00:00:00:10"]
    address = "192.168.77.10"

    [forward.web]
    from = "internet"
    protocol = "tcp"
    port = 8080
    to = "laptop:80"

    """

  /// The folder of the router's lares.toml.
  public var configurationFolder: String { folder + "/config" }
  public var stateFolder: String { folder + "/state" }
  public var runFolder: String { folder + "/state/run" }
  /// The executable that belongs to this build: beside the test program or tool that runs.
  public static var executable: String {
    var buffer = [CChar](repeating: 0, count: 4_096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let path = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return File.folderName(of: path) + "/lares"
  }

  /// Writes the router's lares.toml.
  public func configure(_ text: String = Lab.configuration) throws {
    try File.makeFolder(configurationFolder, mode: 0o755)
    try File.replace(configurationFolder + "/lares.toml", with: Array(text.utf8), mode: 0o644, durable: false)
  }

  /// Starts `lares run` on the router. Its log is in `router.log`.
  public func startRouter() throws {
    guard access(Self.executable, X_OK) == 0 else {
      throw LabError("there is no executable \(Self.executable): build it first (swift build --product lares)")
    }
    router = try start(
      .router, [Self.executable, "run", "--config", configurationFolder, "--state", stateFolder], log: "router.log")
  }

  /// Runs a lares command on the router.
  @discardableResult
  public func lares(_ arguments: String...) throws -> CommandResult { try lares(arguments) }

  @discardableResult
  public func lares(_ arguments: [String], input: String? = nil) throws -> CommandResult {
    let command = ["env", "LARES_RUN=\(runFolder)", Self.executable] + arguments
    guard let input else { return try run(.router, command) }
    try File.replace(folder + "/input", with: Array(input.utf8), mode: 0o600, durable: false)
    let quoted = command.map { "'\($0)'" }.joined(separator: " ")
    return try shell(.router, "\(quoted) < '\(folder)/input'")
  }

  /// Waits until `condition` holds, asking every 50 ms.
  ///
  /// - Throws: `LabError` that names what was waited for.
  public func wait(for what: String, seconds: Int = 20, until condition: () throws -> Bool) throws {
    let start = Clock.now
    while Clock.now.milliseconds(since: start) < Int64(seconds) * 1_000 {
      if try condition() { return }
      usleep(50_000)
    }
    throw LabError("waited \(seconds) s in vain for \(what)\n\(router?.output ?? "")")
  }

  /// Waits until the router has its uplink's lease and every daemon has applied the commit in force.
  public func waitForRouter() throws {
    try wait(for: "the router to come up") {
      let addresses = try run(.router, ["ip", "-4", "-o", "address"]).output
      guard addresses.contains("203.0.113."), addresses.contains("192.168.77.1/") else { return false }
      return try lares("status").isSuccess
    }
    try wait(for: "all daemons") {
      let status = try lares("status").output
      return !status.contains("not running") && !status.contains("could not be applied")
    }
  }

  /// The router's IPv4 address at the provider.
  public var uplinkAddress: String? {
    get throws {
      let line = try run(.router, ["ip", "-4", "-o", "address", "show", "wan0"]).output
      return line.split(separator: " ").first { $0.hasPrefix("203.0.113.") }?.split(separator: "/").first.map(
        String.init)
    }
  }
}
