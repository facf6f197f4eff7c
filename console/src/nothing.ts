// Stands in for a module that is never reached (vite.config.ts says which and why).

export default {};
