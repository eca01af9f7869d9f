import ArgumentParser
import Control
import Glibc
import HostSystem
import Wire

struct DeviceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "device", abstract: "Pause a device's Internet access, or let it on again.",
    subcommands: [Pause.self, Resume.self])

  struct Pause: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Cut a device off from the Internet at once, running downloads included.")
    @Argument(help: "The device's name in lares.toml.") var name: String
    @Option(
      name: .customLong("for"), help: ArgumentHelp("End by itself after, e.g., 45m, 2h or 1d.", valueName: "time"))
    var duration: String?
    @OptionGroup var connection: Connection

    func run() throws {
      struct Request: Encodable { var seconds: Int? }
      let seconds = try duration.map { text in
        guard let seconds = Words.seconds(of: text) else {
          throw ValidationError("\"\(text)\" is not a time span: write 30s, 45m, 2h or 1d.")
        }
        return seconds
      }
      let devices: [DeviceReport] = try connection.client.send(
        "POST", "/v1/devices/\(percentEncoded(name))/pause", Request(seconds: seconds))
      try connection.output(devices) { _ in
        "\(name) is paused\(seconds.map { " for \(Words.duration(seconds: Int64($0)))" } ?? "")."
      }
    }
  }

  struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "End a pause.")
    @Argument(help: "The device's name in lares.toml.") var name: String
    @OptionGroup var connection: Connection

    func run() throws {
      let devices: [DeviceReport] = try connection.client.send(
        "POST", "/v1/devices/\(percentEncoded(name))/resume", [String: String]())
      try connection.output(devices) { _ in "\(name) is on again." }
    }
  }
}

struct Secret: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Keep passwords and tokens out of lares.toml, which names them only.",
    subcommands: [SetSecret.self, List.self, Remove.self])

  struct SetSecret: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "set", abstract: "Read a secret from standard input and keep it under a name.")
    @Argument(help: "The name that lares.toml uses: { secret = \"NAME\" }.") var name: String
    @OptionGroup var connection: Connection

    func run() throws {
      struct Request: Encodable { var value: String }
      if isatty(STDIN_FILENO) == 1 { printError("Type the secret and press Enter:") }
      guard let value = readSecret(), !value.isEmpty else {
        throw ValidationError("Standard input holds no secret: lares secret set \(name) < FILE")
      }
      let names: [String] = try connection.client.send(
        "PUT", "/v1/secrets/\(percentEncoded(name))", Request(value: value))
      try connection.output(names) { _ in "Secret \(name) is set." }
    }

    /// One line from standard input, not shown while a person types it.
    private func readSecret() -> String? {
      var settings = termios()
      let isTerminal = tcgetattr(STDIN_FILENO, &settings) == 0
      let before = settings
      if isTerminal {
        settings.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSANOW, &settings)
      }
      defer {
        var before = before
        if isTerminal { tcsetattr(STDIN_FILENO, TCSANOW, &before) }
      }
      return readLine(strippingNewline: true)
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the names of the secrets, never their values.")
    @OptionGroup var connection: Connection

    func run() throws {
      try connection.output(connection.client.get("/v1/secrets", as: [String].self)) { names in
        names.isEmpty ? "No secret is set." : names.joined(separator: "\n")
      }
    }
  }

  struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Forget a secret.")
    @Argument(help: "Its name.") var name: String
    @OptionGroup var connection: Connection

    func run() throws {
      let names: [String] = try connection.client.send(
        "DELETE", "/v1/secrets/\(percentEncoded(name))", [String: String]())
      try connection.output(names) { _ in "Secret \(name) is forgotten." }
    }
  }
}
