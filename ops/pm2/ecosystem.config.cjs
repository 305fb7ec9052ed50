// The bridge under PM2, for machines without systemd:
//   BRIDGE_ROOT=/srv/bridge AIOPS_HOME=/var/lib/ai-ops-runner pm2 start ops/pm2/ecosystem.config.cjs
// Secrets never stand here: bridge-exec finds them by itself (docs/bridge.md, "Keys").
const path = require("path");

// By name only: what is not listed does not reach the executor.
const passed = [
  "BRIDGE_ROOT", "CLOUD", "AIOPS_HOME", "AIOPS_CONFIGS", "AIOPS_SECRETS_DIR", "AIOPS_LOG",
  "HOME", "PATH", "SSH_AUTH_SOCK", "XDG_STATE_HOME",
];
const env = Object.fromEntries(passed.filter((name) => process.env[name]).map((name) => [name, process.env[name]]));

module.exports = {
  apps: [
    {
      name: "aiops-bridge",
      script: process.env.BRIDGE_EXEC || "/opt/ai-ops-runner/bin/bridge-exec",
      args: ["watch", "--publish"],
      interpreter: "none",
      exec_mode: "fork",
      instances: 1,
      cwd: path.resolve(process.env.BRIDGE_ROOT || process.env.CLOUD || "/srv/bridge"),
      env,
      // Drops every variable whose name contains "", so all of them: `true` does nothing in PM2 6.
      filter_env: [""],
      autorestart: true,
      // 75: another instance runs; 77 and 78 take a person. None of them gets better by restarting.
      stop_exit_codes: [0, 75, 77, 78],
      exp_backoff_restart_delay: 1000,
      kill_timeout: 30000,
      merge_logs: true,
      time: false,
    },
  ],
};
