-- SPDX-License-Identifier: GPL-2.0-or-later
-- What a site would write in Lua for what job_submit/wattle does with `--power`: parse the word, hold it against the
-- class's range, charge a licence merged with the user's own, bound the nodes, grant, and answer. The bench's rival, for
-- the lab's one class of nodes; it does less (no percentages of partitions, no job_modify, no spank_job_env, which
-- Lua can't write).

local LICENCE = "power"
local MIN_W, MAX_W, CPUS = 100, 400, 2
local UNSET = 4294967294 -- NO_VAL
local UNSET16 = 65534    -- NO_VAL16

local function watts(text, nodes)
	local number, unit, scope = text:match("^([%d%.]+)(%%?k?W?)(.*)$")
	local w = tonumber(number)
	if not w or (scope ~= "" and scope ~= "/job") then
		return nil, "'" .. text .. "' is no power: 300W, 0.3kW, 1500W/job or 70%"
	end
	if unit == "kW" then
		w = w * 1000
	elseif unit == "%" then
		w = w / 100 * MAX_W
	end
	if scope == "/job" then
		return math.floor(w / nodes)
	end
	return math.ceil(w)
end

-- The option's value where SPANK carries it, else the script's own lines.
local function asked(job)
	for _, word in pairs(job.spank_job_env or {}) do
		local value = word:match("^_SLURM_SPANK_OPTION_wattle_power_?c?a?p?=(.*)$")
		if value then
			return value
		end
	end
	for line in (job.script or ""):gmatch("[^\n]+") do
		if line:sub(1, 1) ~= "#" and line:match("%S") then
			return nil
		end
		local value = line:match("^#SBATCH.*%-%-power[%-cap]*[= ]([^ ]+)")
		if value then
			return value
		end
	end
	return nil
end

local function known(v)
	return v and v ~= UNSET and v ~= UNSET16 and v > 0
end

local function merged(list, watts_total)
	local words = {}
	for word in (list or ""):gmatch("[^,]+") do
		if word:match("^([^:=@]+)") ~= LICENCE then
			words[#words + 1] = word
		end
	end
	words[#words + 1] = LICENCE .. ":" .. watts_total
	return table.concat(words, ",")
end

function slurm_job_submit(job, partitions, uid)
	local nodes = known(job.max_nodes) and job.max_nodes or known(job.min_nodes) and job.min_nodes or 1
	local text = asked(job)
	local w, why
	if text then
		w, why = watts(text, nodes)
		if not w then
			slurm.log_user("wattle: --power: %s", why)
			return slurm.ERROR
		end
		if w < MIN_W or w > MAX_W then
			slurm.log_user("wattle: --power=%s: %d W a node is outside %d to %d W", text, w, MIN_W, MAX_W)
			return slurm.ERROR
		end
	else
		local cpus = known(job.num_tasks) and job.num_tasks or 1
		w = math.ceil(MAX_W * math.min(cpus, CPUS) / CPUS)
	end
	local total = w * nodes
	local answer = string.format("wattle: %d W/node x %d nodes: %d W", w, nodes, total)
	job.max_nodes = nodes
	job.licenses = merged(job.licenses, total)
	job.admin_comment = answer
	if job.script and job.environment then
		job.environment.WATTLE_GRANT = string.format("v1 watts=%d nodes=%d-%d", w, nodes, nodes)
	end
	slurm.log_user("%s", answer)
	return slurm.SUCCESS
end

function slurm_job_modify(job, record, partitions, uid)
	return slurm.SUCCESS
end

return slurm.SUCCESS
