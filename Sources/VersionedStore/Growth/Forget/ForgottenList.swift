import GitFormat
import HostSystem

/// The files that say what is forgotten, and what is being forgotten.
struct ForgottenList {
  let folder: String
  let format: ObjectFormat
  let layer: FileLayer

  var path: String { folder + "/lares/forgotten" }
  var planPath: String { folder + "/lares/forgetting" }

  func read() throws(StoreError) -> ForgottenObjects {
    guard let bytes = try onDisk({ () throws(SystemError) in try File.readIfPresent(path) }) else {
      return ForgottenObjects(format)
    }
    do { return try ForgottenObjects(bytes, format) } catch { throw .damaged(file: path, error.why) }
  }

  /// nil where nothing is being forgotten.
  func readPlan() throws(StoreError) -> ForgetPlan? {
    guard let bytes = try onDisk({ () throws(SystemError) in try File.readIfPresent(planPath) }) else { return nil }
    do { return try ForgetPlan(bytes, known: read()) } catch let error as FormatError {
      throw .damaged(file: planPath, error.why)
    } catch let error as StoreError { throw error } catch { throw .damaged(file: planPath, "\(error)") }
  }

  /// Durable when it returns, as the others are.
  func write(_ list: ForgottenObjects) throws(StoreError) {
    guard try read() != list else { return }
    try onDisk { () throws(SystemError) in
      if list.isEmpty { try layer.remove(path) } else { try replace(path, list.bytes) }
      try layer.syncFolder(folder + "/lares", .forgotten)
    }
  }

  func write(_ plan: ForgetPlan) throws(StoreError) {
    try onDisk { () throws(SystemError) in
      try replace(planPath, plan.bytes)
      try layer.syncFolder(folder + "/lares", .forgotten)
    }
  }

  func removePlan() throws(StoreError) {
    try onDisk { () throws(SystemError) in
      try layer.remove(planPath)
      try layer.syncFolder(folder + "/lares", .forgotten)
    }
  }

  /// A name that ends so is removed when a repository is opened.
  private func replace(_ path: String, _ bytes: [UInt8]) throws(SystemError) {
    try layer.remove(path + ".new")
    try layer.create(path + ".new", with: bytes, sync: .forgotten)
    try layer.rename(path + ".new", path)
  }
}
