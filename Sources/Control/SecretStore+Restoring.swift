import HostSystem
import Household

/// A restore brings all secrets at once, and takes them back where it does not last. Each set of secrets is a folder:
/// `secrets` is in use, `secrets.new` is to come, `secrets.before` is what comes back. Renames are all that happens between
/// them, so after a power cut a folder that is missing tells what was under way.
extension SecretStore {
  private var staged: String { folder + ".new" }
  private var undone: String { folder + ".undone" }
  /// What was in use before the restore that is provisional now.
  var before: String { folder + ".before" }

  /// Whether secrets wait to be taken into use.
  var hasStaged: Bool { File.owner(of: staged) != nil }

  /// Ends a change of sets that was cut off between its two renames.
  func recover() throws(SystemError) {
    if File.owner(of: folder) == nil {
      if hasStaged {
        try File.move(staged, to: folder)
      } else if File.owner(of: before) != nil {
        try File.move(before, to: folder)
      }
    }
    // What stays of it is in nobody's way.
    try? File.removeTree(undone)
  }

  /// Prepares the set that has these values, and others that are here as they are. Nothing changes yet.
  func stage(_ values: [String: String]) throws {
    try forgetStaged()
    try forgetBefore()
    // Where it is missing, a start takes what is staged for what was to be in use.
    try File.makeFolder(folder, mode: 0o700)
    try File.syncFolder(of: folder)
    try File.makeFolder(staged, mode: 0o700)
    var all = values
    for name in names where all[name] == nil { all[name] = try value(of: SecretName(name)) }
    for (name, value) in all {
      guard Self.isValid(name) else { throw ControlError.badSecretName(name) }
      try File.replace(staged + "/" + name, with: Array(value.utf8), mode: 0o600, durable: true)
    }
    try File.syncFolder(of: staged)
  }

  /// Takes the prepared set into use, and keeps the one before it. Where there is none, nothing happens.
  func takeStaged() throws(SystemError) {
    guard hasStaged else { return }
    if File.owner(of: folder) != nil { try File.move(folder, to: before) }
    try File.move(staged, to: folder)
  }

  /// Brings back the set from before. Where there is none, nothing happens.
  func putBack() throws(SystemError) {
    guard File.owner(of: before) != nil else { return }
    try File.removeTree(undone)
    try File.move(folder, to: undone)
    try File.move(before, to: folder)
    try? File.removeTree(undone)
  }

  /// The set in use stays.
  func forgetBefore() throws(SystemError) { try File.removeTree(before) }
  func forgetStaged() throws(SystemError) { try File.removeTree(staged) }
}
