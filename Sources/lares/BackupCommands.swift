import ArgumentParser
import Control
import Glibc
import HostSystem
import Household
import StoreCommands
import StoreSync

/// `lares backup`: the whole router's state in one encrypted file.
struct BackupCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Write all that the router cannot make anew into one encrypted file.",
    discussion: """
      In it are the configuration's repository (all commits, branches and tags), the values of all secrets, the keys of \
      SSH servers that the history is pushed to, and the blocklists in the configuration's folder. The router goes on \
      meanwhile.

      Not in it are what comes back by itself or is of the moment: leases, pauses, caches, logs, counters; edits of \
      lares.toml that were never committed; SSH keys in ~/.ssh; and repositories of lares store, which lares store backup \
      takes. No names that were looked up are in it.

      Without the passphrase nothing of it can be read; who loses that has lost the backup.
      """)
  @OptionGroup var passphrase: PassphraseOptions
  @OptionGroup var router: RouterOptions
  @OptionGroup var connection: Connection
  @Argument(help: "The file; - is standard output.", completion: .file()) var file: String

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    if file == "-", isatty(STDOUT_FILENO) == 1 {
      throw ControlError.failed("a backup is no text for a terminal; name a file")
    }
    let (state, owner) = try router.find(connection)
    let passphrase = try passphrase.read(isNew: true)
    if file == "-" { return warn(try write(state, owner, passphrase, to: STDOUT_FILENO)) }
    let temporary = "\(file).new"
    let summary: RouterState.Summary
    do {
      let descriptor = try Descriptor(opening: temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
      summary = try write(state, owner, passphrase, to: descriptor.number)
      try systemCall("syncing \(temporary)") { fsync(descriptor.number) }
    } catch {
      unlink(temporary)
      throw error
    }
    try File.move(temporary, to: file)
    warn(summary)
    try connection.output(summary) { summary in
      let secrets = summary.secrets.isEmpty ? "" : ": \(summary.secrets.joined(separator: ", "))"
      return """
        \(file) has \(summary.commits) commit\(summary.commits == 1 ? "" : "s") up to \(summary.commit.prefix(12)), \
        \(summary.secrets.count) secret\(summary.secrets.count == 1 ? "" : "s")\(secrets), \
        \(summary.blocklists.count) blocklist\(summary.blocklists.count == 1 ? "" : "s").
        Try it: lares restore --verify \(file)
        """
    }
  }

  private func write(
    _ state: RouterState, _ owner: UInt32, _ passphrase: [UInt8], to number: Int32
  ) throws -> RouterState.Summary {
    let stream = DescriptorStream(reading: number, writing: number, idleSeconds: 86_400)
    return try Privileges.acting(as: owner) {
      try state.backUp(passphrase: passphrase, now: Clock.wall, to: stream)
    }
  }

  private func warn(_ summary: RouterState.Summary) { for note in summary.notes { printError("Warning: \(note)") } }
}

/// `lares restore`: a backup back in force.
struct RestoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Bring back what lares backup has written.",
    discussion: """
      The whole file is read and checked before anything changes: a wrong passphrase, or a file that was cut off or \
      changed, changes nothing.

      Where Lares runs, the restored configuration comes into force as any commit does: checked, and reverted in two \
      minutes, with the secrets, unless somebody runs lares confirm. Where nothing runs, as on a new router before its \
      first start, all is put in place at once.

      Nothing is lost by it. On a router without a history the backup's goes on as it was, with the same numbers; else a \
      new commit merges it, so that both are there. Secrets that the backup does not have stay, as do host keys that are \
      known here. A blocklist that is another here stays, and the backup's is put beside it as NAME.restored.

      Where this version refuses the configuration, the mistakes are named; its files are reached by \
      lares store restore --only config.git FILE FOLDER.
      """)
  @OptionGroup var passphrase: PassphraseOptions
  @OptionGroup var window: Window
  @Flag(help: "Lose changes in lares.toml that were never committed.") var discard = false
  @Flag(help: "Only read and check the backup, and its configuration, and tell what is in it.") var verify = false
  @OptionGroup var router: RouterOptions
  @OptionGroup var connection: Connection
  @Argument(help: "The backup; - is standard input.", completion: .file()) var file: String

  func validate() throws {
    if verify, window.seconds != nil || discard {
      throw ValidationError("--verify changes nothing: --now, --confirm and --discard have no meaning with it.")
    }
  }

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    let passphrase = try passphrase.read(isNew: false)
    let opened = try file == "-" ? Self.standardInput() : Descriptor(opening: file, O_RDONLY)
    let source = DescriptorStream(reading: opened.number, writing: opened.number, idleSeconds: 86_400)
    if verify { return try check(source, passphrase) }
    let (state, owner) = try router.findOrMake(connection)
    let name = ProcessIdentity.userName(geteuid())
    let wishes = RestoreWishes(window: window.seconds, discard: discard, author: name)
    try Privileges.acting(as: owner) {
      try state.unpack(source, passphrase: passphrase) { backup in
        _ = try backup.checked(checkWithDaemons)
        if let lock = try state.lockIfNobodyRuns() {
          try restore(backup, state, wishes, holding: lock)
        } else {
          let client = router.client(connection)
          try report(connection, state.restore(backup, wishes, by: client), from: client)
        }
      }
    }
    withExtendedLifetime(opened) {}
  }

  private static func standardInput() throws -> Descriptor {
    Descriptor(owning: try systemCall("using standard input") { fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) })
  }

  private func restore(
    _ backup: RestorableBackup, _ state: RouterState, _ wishes: RestoreWishes, holding lock: FileLock
  ) throws {
    if window.confirm != nil {
      throw ControlError.failed("Lares does not run here, so nothing could revert the restore: leave --confirm out")
    }
    let change = try state.restore(backup, wishes, holding: lock, checkWithDaemons)
    try connection.output(change) { "Restored: commit \($0.commit) comes into force when Lares starts." }
  }

  /// Reads all of it in a folder beside the router's state, or here where there is none.
  private func check(_ source: DescriptorStream, _ passphrase: [UInt8]) throws {
    let found = try? router.find(connection)
    let state = found?.state ?? RouterState(Connection.defaultFolders, configuration: ".")
    try Privileges.acting(as: found?.owner ?? geteuid()) {
      try state.unpack(source, passphrase: passphrase, in: found == nil ? "." : nil) { backup in
        let summary = try backup.summary()
        try connection.output(summary) { summary in
          """
          \(file) is whole: made \(Words.ago(summary.made, now: Clock.wall)), \(summary.commits) commits up to \
          \(summary.commit.prefix(12)), secrets: \(list(summary.secrets)); blocklists: \(list(summary.blocklists)).
          """
        }
        _ = try backup.checked(checkWithDaemons)
      }
    }
  }

  private func list(_ names: [String]) -> String { names.isEmpty ? "none" : names.joined(separator: ", ") }
}

/// Whose state it is: that of the running router, else of the one in these folders.
struct RouterOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Folder with lares.toml.", discussion: "Default: that of the Lares that runs here, else /etc/lares.",
      valueName: "dir"), completion: .directory)
  var config: String?
  @Option(
    help: ArgumentHelp(
      "Folder for what must last.", discussion: "Default: that of the Lares that runs here, else /var/lib/lares.",
      valueName: "dir"), completion: .directory)
  var state: String?

  /// The running router, or the one of these folders, with the user that it belongs to.
  func find(_ connection: Connection) throws -> (state: RouterState, owner: UInt32) {
    let state = folders(connection)
    guard let owner = File.owner(of: state.folder) else {
      throw ControlError.failed("no router's state is in \(state.folder); name the right folder by --state")
    }
    return (state, owner)
  }

  /// The same, and makes the folders where they are not there yet.
  func findOrMake(_ connection: Connection) throws -> (state: RouterState, owner: UInt32) {
    let state = folders(connection)
    if File.owner(of: state.folder) == nil {
      try File.makeFolder(state.configuration, mode: 0o755)
      try File.makeFolder(File.folderName(of: state.folder), mode: 0o755)
      try File.makeFolder(state.folder, mode: 0o700)
      File.give(state.folder, to: File.owner(of: state.configuration) ?? geteuid(), group: Privileges.sharedGroup)
    }
    return try find(connection)
  }

  private func folders(_ connection: Connection) -> RouterState {
    let running = try? client(connection).get("/v1/status", as: StatusReport.self).folders
    let isOther = state != nil && running?.state != state.flatMap(File.absolutePath)
    let used = isOther ? nil : running
    let folders = Folders(state: used?.state ?? state ?? Folders.system.state, run: "")
    return RouterState(folders, configuration: config ?? used?.configuration ?? "/etc/lares")
  }

  /// The daemon's: of --run, else in --state as lares run has it.
  func client(_ connection: Connection) -> ControlClient {
    guard connection.run == nil, environmentVariable("LARES_RUN") == nil, let state, state != Folders.system.state
    else {
      return connection.client
    }
    return ControlClient(folders: Folders(state: state, run: state + "/run"))
  }
}
