-- Jobs that run once a second read campaigns that are running or paused, not all past campaigns.
create index campaign_running on campaign (id) where state in ('running', 'paused');
